//! Where scanners are known to burn text in: a template for each kind of image, handed in as data.

use super::Area;

/// Where images of one kind carry text.
///
/// A part that is `None` fits any image. Areas may be given from the right and lower edge: a coordinate at or above
/// [`RegionTemplate::FROM_END`] counts back from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionTemplate {
    /// (0008,0060), such as `US`.
    pub modality: Option<String>,
    /// (0008,0070); case does not matter, the beginning is enough.
    pub manufacturer: Option<String>,
    /// (0008,1090); case does not matter, the beginning is enough.
    pub model: Option<String>,
    /// (0028,0010).
    pub rows: Option<u32>,
    /// (0028,0011).
    pub columns: Option<u32>,
    /// What is filled.
    pub areas: Vec<Area>,
}

/// What an image says of its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageKind {
    /// (0008,0060).
    pub modality: String,
    /// (0008,0070).
    pub manufacturer: String,
    /// (0008,1090).
    pub model: String,
    /// (0028,0010).
    pub rows: u32,
    /// (0028,0011).
    pub columns: u32,
}

impl RegionTemplate {
    /// From this value on a coordinate counts from the right or lower edge: `FROM_END + 10` is ten pixels before it.
    pub const FROM_END: u32 = 1 << 30;

    /// Whether it is about images of this kind.
    pub fn fits(&self, kind: &ImageKind) -> bool {
        let begins = |wanted: &Option<String>, has: &str| {
            wanted.as_ref().is_none_or(|wanted| {
                let head = has.trim().get(..wanted.len());
                head.is_some_and(|head| head.eq_ignore_ascii_case(wanted))
            })
        };
        let modality = self.modality.as_ref().is_none_or(|wanted| kind.modality.trim() == wanted);
        modality
            && begins(&self.manufacturer, &kind.manufacturer)
            && begins(&self.model, &kind.model)
            && self.rows.is_none_or(|rows| rows == kind.rows)
            && self.columns.is_none_or(|columns| columns == kind.columns)
    }
}

/// The areas of all templates that fit, cut to the image.
pub fn regions(templates: &[RegionTemplate], kind: &ImageKind) -> Vec<Area> {
    let place = |at: u32, length: u32| match at.checked_sub(RegionTemplate::FROM_END) {
        Some(back) => length.saturating_sub(back),
        None => at.min(length),
    };
    let fitting = templates.iter().filter(|template| template.fits(kind));
    let cut = fitting.flat_map(|template| &template.areas).map(|area| Area {
        left: place(area.left, kind.columns),
        top: place(area.top, kind.rows),
        right: place(area.right, kind.columns),
        bottom: place(area.bottom, kind.rows),
    });
    cut.filter(|area| !area.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_fits_its_scanner_only_and_is_cut_to_the_image() {
        let template = RegionTemplate {
            modality: Some("US".to_owned()),
            manufacturer: Some("Acme".to_owned()),
            areas: vec![
                Area::new(0, 0, 2_000, 50),
                Area {
                    left: 0,
                    top: RegionTemplate::FROM_END + 30,
                    right: 100,
                    bottom: RegionTemplate::FROM_END,
                },
            ],
            ..RegionTemplate::default()
        };
        let kind = ImageKind {
            modality: "US".to_owned(),
            manufacturer: "ACME Medical".to_owned(),
            rows: 480,
            columns: 640,
            ..ImageKind::default()
        };
        let found = regions(std::slice::from_ref(&template), &kind);
        assert_eq!(found, [Area::new(0, 0, 640, 50), Area::new(0, 450, 100, 30)]);
        assert!(regions(&[template], &ImageKind { modality: "CT".to_owned(), ..kind }).is_empty());
    }
}
