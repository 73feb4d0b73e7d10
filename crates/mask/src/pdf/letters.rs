//! What the letters of a page say, in the order in which they are drawn.

use hayro::hayro_interpret::font::GlyphRun;
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{Affine, BezPath, Point, Rect};

/// Units of a letter's square.
const EM: f64 = 1_000.0;
/// A letter this many of its squares behind the last begins a word.
const WORD_GAP: f64 = 1.3;
/// A letter this much above or below the last begins a line.
const LINE_GAP: f64 = 0.5;

/// The text of a page, cut at `bytes_max`.
pub(super) fn letters<'a>(page: &'a Page<'a>, settings: &InterpreterSettings, bytes_max: usize) -> String {
    let (width, height) = page.render_dimensions();
    let seen = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let cache = InterpreterCache::new();
    let mut context = Context::new(Affine::IDENTITY, seen, &cache, page.xref(), settings.clone());
    let mut letters = Letters { text: String::new(), last: None, bytes_max };
    interpret_page(page, &mut context, &mut letters);
    letters.text
}

/// Takes letters and nothing else.
struct Letters {
    text: String,
    /// Where the last letter stood.
    last: Option<Point>,
    bytes_max: usize,
}

impl Letters {
    fn add(&mut self, letter: &str, place: Affine) {
        let at = place * Point::ZERO;
        let em = (place * Point::new(0.0, EM) - at).hypot();
        if let Some(last) = self.last {
            if (at.y - last.y).abs() > LINE_GAP * em {
                self.text.push('\n');
            } else if (at.x - last.x).abs() > WORD_GAP * em {
                self.text.push(' ');
            }
        }
        self.text.push_str(letter);
        self.last = Some(at);
    }
}

impl<'a> Device<'a> for Letters {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            if self.text.len() >= self.bytes_max {
                return;
            }
            let place = props.transform * glyph.transform();
            match glyph.as_unicode() {
                Some(BfString::Char(letter)) => self.add(letter.encode_utf8(&mut [0; 4]), place),
                Some(BfString::String(letters)) => self.add(&letters, place),
                None => {}
            }
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
