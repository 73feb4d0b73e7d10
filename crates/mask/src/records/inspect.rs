//! Looking through free text, with what is known of the record around it.

use std::borrow::Cow;

use super::finder::Finder;
use super::near::Near;
use crate::transform::{DateShift, Day, Plan, ShiftOptions, Tally, TextMasker};
use crate::{Entity, Keys};

/// What a masker works with.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// Who finds identities in free text.
    pub finder: &'a dyn Finder,
    /// The secret.
    pub keys: &'a dyn Keys,
    /// What is put in place of what was found in free text.
    pub plan: &'a Plan,
}

/// What a masking is about, beside the record itself.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The day on which ages are reckoned.
    pub today: Day,
    /// The largest shift of dates, in days, either way.
    pub days_max: u16,
    /// The patient, if the caller knows who it is; else it is looked for in the record. Records of one patient shift alike only
    /// if they name the patient alike.
    pub patient: Option<&'a str>,
    /// The file, for rules that shift dates by file.
    pub file: &'a str,
    /// The folder, for rules that shift dates by folder.
    pub folder: &'a str,
}

impl Scope<'_> {
    /// The scope of a record of which nothing is known but the present day; dates shift by up to a year.
    #[must_use]
    pub const fn on(today: Day) -> Self {
        Scope { today, days_max: 365, patient: None, file: "", folder: "" }
    }

    pub(super) fn shift(&self, keys: &dyn Keys, key: &str) -> DateShift {
        let options = ShiftOptions { days_max: self.days_max, ..ShiftOptions::new(self.today) };
        DateShift::derive(keys, key, &options)
    }
}

/// Masks the texts of one record.
pub(super) struct Inspector<'a> {
    pub(super) tools: Tools<'a>,
    pub(super) near: Near,
    pub(super) shift: DateShift,
    pub(super) tally: Tally,
}

impl<'a> Inspector<'a> {
    pub(super) fn new(tools: Tools<'a>, near: Near, shift: DateShift) -> Self {
        Self { tools, near, shift, tally: Tally::default() }
    }

    /// The text with everything that was found in it replaced.
    pub(super) fn text<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if !text.chars().any(char::is_alphanumeric) {
            return Cow::Borrowed(text);
        }
        self.tally.texts += 1;
        let entities = self.entities(text);
        self.replace(text, &entities)
    }

    /// The text with what is known of the record replaced: for codes and addresses, where a search by look would do harm.
    pub(super) fn known<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        let entities = self.near.find_in_code(text);
        self.replace(text, &entities)
    }

    /// What is found in a text by look and by what is known.
    pub(super) fn entities(&self, text: &str) -> Vec<Entity> {
        let mut entities = self.tools.finder.find(text);
        entities.extend(self.near.find(text));
        entities
    }

    pub(super) fn masker(&self) -> TextMasker<'a> {
        TextMasker::new(self.tools.keys, self.tools.plan, Some(self.shift))
    }

    fn replace<'t>(&mut self, text: &'t str, entities: &[Entity]) -> Cow<'t, str> {
        if entities.is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(self.masker().mask(text, entities, &mut self.tally).text)
    }
}
