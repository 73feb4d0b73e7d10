//! A radiograph that never was: drawn from ellipses, with letters of five by seven dots burned in. Whole numbers only, so that every
//! machine draws the same pixels.

use mask::image::Area;

/// Columns and rows of the picture.
pub(crate) const SIZE: (u32, u32) = (640, 512);
/// Pixels of one dot of a letter.
const DOT: u32 = 3;
/// Columns of a letter with the gap behind it, in dots.
const STEP: u32 = 6;

/// A line that is burned in, where it stands, and whether it tells who it is.
pub(crate) struct Burned {
    pub(crate) text: &'static str,
    left: u32,
    top: u32,
    pub(crate) tells: bool,
}

pub(crate) const LINES: [Burned; 5] = [
    Burned { text: "PATIENT: MILLER, HAROLD", left: 14, top: 14, tells: true },
    Burned { text: "BORN 07/23/1961", left: 14, top: 46, tells: true },
    Burned { text: "MRN 00482913", left: 14, top: 78, tells: true },
    Burned { text: "CHEST PA", left: 14, top: 476, tells: false },
    Burned { text: "110 KV 4 MAS", left: 404, top: 476, tells: false },
];

impl Burned {
    /// The pixels of its letters.
    pub(crate) fn area(&self) -> Area {
        let letters = u32::try_from(self.text.len()).unwrap();
        Area::new(self.left, self.top, (letters * STEP - 1) * DOT, 7 * DOT)
    }
}

/// The rows of a letter's dots from the top, the leftmost dot in bit 4.
fn dots(letter: char) -> [u8; 7] {
    match letter {
        'A' => [0x0E, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11],
        'B' => [0x1E, 0x11, 0x11, 0x1E, 0x11, 0x11, 0x1E],
        'C' => [0x0E, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0E],
        'D' => [0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E],
        'E' => [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F],
        'F' => [0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10],
        'H' => [0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11],
        'I' => [0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E],
        'K' => [0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11],
        'L' => [0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F],
        'M' => [0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11],
        'N' => [0x11, 0x19, 0x15, 0x13, 0x11, 0x11, 0x11],
        'O' => [0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E],
        'P' => [0x1E, 0x11, 0x11, 0x1E, 0x10, 0x10, 0x10],
        'Q' => [0x0E, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0D],
        'R' => [0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11],
        'S' => [0x0F, 0x10, 0x10, 0x0E, 0x01, 0x01, 0x1E],
        'T' => [0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04],
        'U' => [0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E],
        'V' => [0x11, 0x11, 0x11, 0x11, 0x11, 0x0A, 0x04],
        '0' => [0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E],
        '1' => [0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E],
        '2' => [0x0E, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1F],
        '3' => [0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E],
        '4' => [0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02],
        '6' => [0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E],
        '7' => [0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
        '8' => [0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E],
        '9' => [0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C],
        '/' => [0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10],
        ',' => [0x00, 0x00, 0x00, 0x00, 0x0C, 0x04, 0x08],
        ':' => [0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00],
        ' ' => [0; 7],
        other => panic!("no dots for {other}"),
    }
}

/// An ellipse that fades from its middle to its edge: it adds `grey` to what is there, or takes it away.
struct Shade {
    middle: (i64, i64),
    radii: (i64, i64),
    grey: i64,
}

const SHADES: [Shade; 5] = [
    Shade { middle: (320, 290), radii: (300, 270), grey: 110 },
    Shade { middle: (205, 270), radii: (105, 165), grey: -95 },
    Shade { middle: (435, 270), radii: (105, 165), grey: -95 },
    Shade { middle: (350, 335), radii: (100, 80), grey: 85 },
    Shade { middle: (320, 260), radii: (26, 250), grey: 60 },
];

/// The picture: grey, a byte a pixel, row by row.
pub(crate) fn radiograph() -> Vec<u8> {
    let (width, height) = SIZE;
    let points = (0..height).flat_map(|y| (0..width).map(move |x| (i64::from(x), i64::from(y))));
    let mut pixels: Vec<u8> = points.map(|(x, y)| grey(x, y)).collect();
    for line in &LINES {
        write(&mut pixels, width, line.text, (line.left, line.top), DOT, 235);
    }
    pixels
}

/// Writes a line into grey pixels, `width` a row, with dots of so many pixels; the area of its letters.
pub(crate) fn write(
    pixels: &mut [u8],
    width: u32,
    text: &str,
    (left, top): (u32, u32),
    dot: u32,
    grey: u8,
) -> Area {
    for (letter, start) in text.chars().zip((left..).step_by((STEP * dot) as usize)) {
        for (row, bits) in (0..).zip(dots(letter)) {
            for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                for y in top + row * dot..top + (row + 1) * dot {
                    let from = (y * width + start + column * dot) as usize;
                    pixels[from..from + dot as usize].fill(grey);
                }
            }
        }
    }
    let letters = u32::try_from(text.len()).unwrap();
    Area::new(left, top, (letters * STEP - 1) * dot, 7 * dot)
}

fn grey(x: i64, y: i64) -> u8 {
    let inside = SHADES.iter().map(|shade| {
        let (dx, dy) =
            ((x - shade.middle.0) * 1_000 / shade.radii.0, (y - shade.middle.1) * 1_000 / shade.radii.1);
        let left = (1_000_000 - dx * dx - dy * dy).max(0);
        shade.grey * left / 1_000_000
    });
    u8::try_from((16 + inside.sum::<i64>()).clamp(0, 230)).unwrap()
}
