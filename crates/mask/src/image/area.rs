//! Rectangles of pixels, and text boxes that may stand askew.

/// A rectangle of whole pixels; `right` and `bottom` lie just outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Area {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// The column behind the last.
    pub right: u32,
    /// The row behind the last.
    pub bottom: u32,
}

impl Area {
    /// From a corner and a size; saturates at the end of the number range.
    pub fn new(left: u32, top: u32, width: u32, height: u32) -> Self {
        Self { left, top, right: left.saturating_add(width), bottom: top.saturating_add(height) }
    }

    /// Columns.
    pub fn width(&self) -> u32 {
        self.right.saturating_sub(self.left)
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.bottom.saturating_sub(self.top)
    }

    /// Whether no pixel lies in it.
    pub fn is_empty(&self) -> bool {
        self.width() == 0 || self.height() == 0
    }

    /// Whether they share a pixel.
    pub fn intersects(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Whether all of `other` lies in it.
    pub fn contains(&self, other: &Self) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && self.right >= other.right
            && self.bottom >= other.bottom
    }

    /// What lies in both.
    pub(crate) fn shared(&self, other: &Self) -> Self {
        Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        }
    }

    /// The smallest area around both.
    pub fn union(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// Grown by `margin` pixels to every side, within an image of that size.
    pub fn grown(&self, margin: u32, width: u32, height: u32) -> Self {
        Self {
            left: self.left.saturating_sub(margin),
            top: self.top.saturating_sub(margin),
            right: self.right.saturating_add(margin).min(width),
            bottom: self.bottom.saturating_add(margin).min(height),
        }
    }

    /// Rows that both have, as a share of the lower one's height.
    pub(crate) fn rows_shared(&self, other: &Self) -> f32 {
        let shared = self.bottom.min(other.bottom).saturating_sub(self.top.max(other.top));
        shared as f32 / self.height().min(other.height()).max(1) as f32
    }

    /// Columns that both have, as a share of the narrower one's width.
    pub(crate) fn columns_shared(&self, other: &Self) -> f32 {
        let shared = self.right.min(other.right).saturating_sub(self.left.max(other.left));
        shared as f32 / self.width().min(other.width()).max(1) as f32
    }
}

/// A box around text, in pixels of the image: a centre, the unit vector along the writing, and a size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TextBox {
    pub(crate) centre: (f32, f32),
    /// Unit vector from the left to the right end.
    pub(crate) along: (f32, f32),
    pub(crate) width: f32,
    pub(crate) height: f32,
    /// Mean probability of the detector, 0 to 1.
    pub(crate) score: f32,
}

impl TextBox {
    /// An upright box.
    pub(crate) fn upright(left: f32, top: f32, right: f32, bottom: f32, score: f32) -> Self {
        Self {
            centre: ((left + right) / 2.0, (top + bottom) / 2.0),
            along: (1.0, 0.0),
            width: right - left,
            height: bottom - top,
            score,
        }
    }

    /// Whether both show the same: their edges differ by less than an eighth of the height.
    pub(crate) fn is_near(&self, other: &Self) -> bool {
        let close = |a: f32, b: f32| (a - b).abs() * 8.0 <= self.height.min(self.width);
        let edges = |text: &Self| {
            let (across, down) = (text.width / 2.0, text.height / 2.0);
            let (x, y) = text.centre;
            [x - across, x + across, y - down, y + down]
        };
        self.along == other.along && edges(self).into_iter().zip(edges(other)).all(|(a, b)| close(a, b))
    }

    /// Whether it stands straight.
    pub(crate) fn is_upright(&self) -> bool {
        self.along == (1.0, 0.0)
    }

    /// The box read when turned by a quarter: left end and right end lie where top and bottom were.
    pub(crate) fn turned(&self, clockwise: bool) -> Self {
        let (x, y) = self.along;
        let along = if clockwise { (-y, x) } else { (y, -x) };
        Self { along, width: self.height, height: self.width, ..*self }
    }

    /// The box read upside down.
    pub(crate) fn flipped(&self) -> Self {
        Self { along: (-self.along.0, -self.along.1), ..*self }
    }

    /// The point at `u` along and `v` across, both from the upper left corner of the writing, in pixels.
    pub(crate) fn point(&self, u: f32, v: f32) -> (f32, f32) {
        let (along, across) = (u - self.width / 2.0, v - self.height / 2.0);
        let (x, y) = self.along;
        (self.centre.0 + along * x - across * y, self.centre.1 + along * y + across * x)
    }

    /// The upright area around the part from `from` to `to` (shares of the width), within an image of that size.
    pub(crate) fn area(&self, from: f32, to: f32, width: u32, height: u32) -> Area {
        let (a, b) = (from * self.width, to * self.width);
        let corners =
            [self.point(a, 0.0), self.point(b, 0.0), self.point(a, self.height), self.point(b, self.height)];
        let low = |pick: fn(&(f32, f32)) -> f32| corners.iter().map(pick).fold(f32::INFINITY, f32::min);
        let high = |pick: fn(&(f32, f32)) -> f32| corners.iter().map(pick).fold(f32::NEG_INFINITY, f32::max);
        // `as` saturates: what lies left of or above the image becomes 0.
        Area {
            left: (low(|p| p.0).floor() as u32).min(width),
            top: (low(|p| p.1).floor() as u32).min(height),
            right: (high(|p| p.0).ceil() as u32).min(width),
            bottom: (high(|p| p.1).ceil() as u32).min(height),
        }
    }
}
