//! Which concept stands above which.

/// The direct relations both ways, as two flat lists each. It has no cycles: edges that close one are left out.
#[derive(Debug, Default)]
pub(super) struct Hierarchy {
    up: Neighbours,
    down: Neighbours,
}

/// The neighbours of each place: `to[from[place]..from[place + 1]]`, ascending.
#[derive(Debug, Default)]
struct Neighbours {
    from: Vec<u32>,
    to: Vec<u32>,
}

impl Hierarchy {
    /// Takes pairs of (upper, lower) among `count` places. Also says how many edges closed a cycle and were left out.
    pub(super) fn new(count: usize, mut edges: Vec<(u32, u32)>) -> (Self, usize) {
        edges.retain(|(upper, lower)| upper != lower);
        edges.sort_unstable();
        edges.dedup();
        if edges.is_empty() {
            return (Self::default(), 0);
        }
        let before = edges.len();
        let down = Neighbours::new(count, edges.iter().copied());
        let edges = down.without_cycles(count);
        let left_out = before - edges.len();
        let down = Neighbours::new(count, edges.iter().copied());
        let mut upwards: Vec<(u32, u32)> = edges.into_iter().map(|(upper, lower)| (lower, upper)).collect();
        upwards.sort_unstable();
        (Self { up: Neighbours::new(count, upwards.into_iter()), down }, left_out)
    }

    pub(super) fn has_edges(&self) -> bool {
        !self.down.to.is_empty()
    }

    pub(super) fn parents(&self, place: u32) -> &[u32] {
        self.up.of(place)
    }

    pub(super) fn children(&self, place: u32) -> &[u32] {
        self.down.of(place)
    }

    pub(super) fn below(&self, place: u32) -> Vec<u32> {
        self.down.reach(place)
    }

    pub(super) fn above(&self, place: u32) -> Vec<u32> {
        self.up.reach(place)
    }

    /// Whether `upper` is `lower` or above it, and how many concepts were looked at to say so.
    pub(super) fn is_above(&self, upper: u32, lower: u32) -> (bool, usize) {
        if upper == lower || self.up.of(lower).binary_search(&upper).is_ok() {
            return (true, 1);
        }
        let mut seen = std::collections::HashSet::new();
        let mut open: Vec<u32> = self.up.of(lower).to_vec();
        while let Some(next) = open.pop() {
            if next == upper {
                return (true, seen.len());
            }
            open.extend(self.up.of(next).iter().copied().filter(|above| seen.insert(*above)));
        }
        (false, seen.len())
    }

    pub(super) fn memory_bytes(&self) -> usize {
        (self.up.from.len() + self.up.to.len() + self.down.from.len() + self.down.to.len()) * size_of::<u32>()
    }
}

impl Neighbours {
    /// From sorted pairs.
    fn new(count: usize, pairs: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut made = Self { from: Vec::with_capacity(count + 1), to: Vec::new() };
        for (place, neighbour) in pairs {
            while made.from.len() <= place as usize {
                made.from.push(made.to.len() as u32);
            }
            made.to.push(neighbour);
        }
        while made.from.len() <= count {
            made.from.push(made.to.len() as u32);
        }
        made
    }

    fn of(&self, place: u32) -> &[u32] {
        let place = place as usize;
        let (Some(from), Some(to)) = (self.from.get(place), self.from.get(place + 1)) else { return &[] };
        self.to.get(*from as usize..*to as usize).unwrap_or_default()
    }

    /// `place` and all that is reached from it, ascending.
    fn reach(&self, place: u32) -> Vec<u32> {
        let mut seen = std::collections::HashSet::from([place]);
        let mut open = vec![place];
        while let Some(next) = open.pop() {
            open.extend(self.of(next).iter().copied().filter(|neighbour| seen.insert(*neighbour)));
        }
        let mut all: Vec<u32> = seen.into_iter().collect();
        all.sort_unstable();
        all
    }

    /// The edges but those that lead back to a place whose descendants are being walked. In order of the places, so that
    /// the same resource always loses the same edge.
    fn without_cycles(&self, count: usize) -> Vec<(u32, u32)> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let mut marks = vec![Mark::New; count];
        let mut kept = Vec::with_capacity(self.to.len());
        // A stack of our own: hierarchies made of properties may be deeper than the machine's.
        let mut path: Vec<(u32, usize)> = Vec::new();
        for root in 0..count as u32 {
            if marks.get(root as usize) != Some(&Mark::New) {
                continue;
            }
            path.push((root, 0));
            if let Some(mark) = marks.get_mut(root as usize) {
                *mark = Mark::Open;
            }
            while let Some((place, next)) = path.last_mut() {
                let place = *place;
                let Some(child) = self.of(place).get(*next).copied() else {
                    if let Some(mark) = marks.get_mut(place as usize) {
                        *mark = Mark::Done;
                    }
                    path.pop();
                    continue;
                };
                *next += 1;
                match marks.get(child as usize) {
                    Some(Mark::New) => {
                        kept.push((place, child));
                        if let Some(mark) = marks.get_mut(child as usize) {
                            *mark = Mark::Open;
                        }
                        path.push((child, 0));
                    }
                    Some(Mark::Done) => kept.push((place, child)),
                    Some(Mark::Open) | None => {}
                }
            }
        }
        kept.sort_unstable();
        kept
    }
}
