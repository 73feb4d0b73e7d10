//! Which files or objects: patterns of names, and samples.

/// Which of many are looked at, by their names.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Only what fits one of these patterns; empty for everything.
    pub include: Vec<String>,
    /// Nothing that fits one of these.
    pub exclude: Vec<String>,
    /// This share of the rest, 1 to 100.
    pub sample_percent: u8,
}

impl Default for Selection {
    /// Everything.
    fn default() -> Self {
        Self { include: Vec::new(), exclude: Vec::new(), sample_percent: 100 }
    }
}

impl Selection {
    /// Whether something of this name is looked at.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        let fits = |patterns: &[String]| patterns.iter().any(|pattern| fits(pattern, name));
        (self.include.is_empty() || fits(&self.include)) && !fits(&self.exclude) && self.in_sample(name)
    }

    /// By a hash of the name, so that the same ones are looked at each time.
    fn in_sample(&self, name: &str) -> bool {
        self.sample_percent >= 100 || spread(name) % 100 < u64::from(self.sample_percent)
    }
}

/// FNV-1a of 64 bits, with the last step of `MurmurHash3` behind it: FNV alone leaves names that differ in their last letter near
/// each other. It stays the same for ever, or samples would change with a version.
fn spread(name: &str) -> u64 {
    let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    mixed ^ (mixed >> 33)
}

/// Whether a text fits a pattern of `*` (anything) and `?` (one character). Linear but for the last `*`.
#[must_use]
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(one) if *one == '?' || text.get(place) == Some(one) => {
                at += 1;
                place += 1;
            }
            _ => {
                // The last star takes one more.
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                place = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_shells_have_it() {
        for (pattern, text, expected) in [
            ("*.txt", "a/b.txt", true),
            ("*.txt", "a/b.txt.gz", false),
            ("a/*/c?.md", "a/x/y/c1.md", true),
            ("**", "", true),
            ("a*b*c", "a__b__b__c", true),
            ("a*b*c", "a__b__b__", false),
            ("é?", "éü", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_sample_is_the_same_each_time_and_about_its_share() {
        let selection = Selection { sample_percent: 20, ..Selection::default() };
        let taken = (0..2000).filter(|at| selection.takes(&format!("folder/{at}"))).count();
        assert!((300..500).contains(&taken), "{taken}");
        assert_eq!(selection.takes("folder/7"), selection.takes("folder/7"));
        // Part of what stands on disk: a version must not change it.
        assert_eq!(spread("folder/7"), spread("folder/7"));
    }
}
