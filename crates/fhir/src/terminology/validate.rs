//! Whether a code, a coding or one of several codings is right: known to its system, in the value set, rightly displayed.

use std::sync::Arc;

use super::error::TerminologyError;
use super::member::{Evaluation, Stack, absent};
use super::value_set::ValueSet;
use super::{CodeSystem, Terminology, grammar};

/// A code to judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coding<'c> {
    /// Its system; `None` to find the one of the value set that has the code.
    pub system: Option<&'c str>,
    /// The version of the system.
    pub version: Option<&'c str>,
    /// The code.
    pub code: &'c str,
    /// What it is displayed as, to be judged too.
    pub display: Option<&'c str>,
}

/// What codes are judged against.
#[derive(Clone, Copy)]
pub enum Against<'v> {
    /// A code system: the code exists.
    CodeSystem(&'v CodeSystem),
    /// A value set: the code belongs to it.
    ValueSet(&'v ValueSet),
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validation {
    /// Whether the code is right.
    pub result: bool,
    /// Why not, or what to mind. Names no code or display that was asked about.
    pub message: Option<String>,
    /// The right display.
    pub display: Option<String>,
    /// The system that the code was found in.
    pub system: Option<String>,
    /// The version of that system.
    pub version: Option<String>,
    /// The code as the system writes it.
    pub code: Option<String>,
    /// Which of the codings the answer is about, from 0.
    pub coding: usize,
    /// What cannot be said because something is not loaded; the result is then `false` without being a "no".
    pub open: Option<TerminologyError>,
}

impl Terminology<'_> {
    /// Judges `codings`: the first that is right settles it; if none is, the answer tells of the first. `is_abstract_fine` is
    /// R4's parameter `abstract`: `Some(false)` refuses codes that only group others.
    ///
    /// # Errors
    /// What makes the question itself unanswerable: no coding at all, a definition that cannot be evaluated. What is
    /// merely not loaded stands in [`Validation::open`].
    ///
    /// Source: FHIR R4 ValueSet/$validate-code, CodeSystem/$validate-code.
    pub fn validate_code(
        &self,
        against: Against<'_>,
        codings: &[Coding<'_>],
        display_language: Option<&str>,
        is_abstract_fine: Option<bool>,
    ) -> Result<Validation, TerminologyError> {
        let mut first: Option<Validation> = None;
        for (place, coding) in codings.iter().enumerate() {
            let mut answer = self.judge(against, coding, display_language, is_abstract_fine)?;
            answer.coding = place;
            if answer.result {
                return Ok(answer);
            }
            // A plain "no" says less than a coding that could not be judged: that one might have been right.
            match &first {
                Some(known) if known.open.is_some() || answer.open.is_none() => {}
                _ => first = Some(answer),
            }
        }
        first.ok_or_else(|| TerminologyError::Invalid { what: "there is no code to validate".to_owned() })
    }

    fn judge(
        &self,
        against: Against<'_>,
        coding: &Coding<'_>,
        display_language: Option<&str>,
        is_abstract_fine: Option<bool>,
    ) -> Result<Validation, TerminologyError> {
        let found = match against {
            Against::CodeSystem(system) => self.in_system(system, coding),
            Against::ValueSet(value_set) => self.in_value_set(value_set, coding),
        };
        let mut answer = match found {
            Ok(answer) => answer,
            Err(error) if error.is_open() => {
                let message = Some(format!("{error}, so that the code cannot be judged"));
                return Ok(Validation { message, open: Some(error), ..Validation::default() });
            }
            Err(error) => return Err(error),
        };
        if !answer.result {
            return Ok(answer);
        }
        let of_resource = match against {
            Against::ValueSet(value_set) => value_set.listed_display(&answer),
            Against::CodeSystem(_) => None,
        };
        self.describe(&mut answer, of_resource, coding, display_language, is_abstract_fine);
        Ok(answer)
    }

    fn in_system(&self, system: &CodeSystem, coding: &Coding<'_>) -> Result<Validation, TerminologyError> {
        if coding.system.is_some_and(|own| own != system.url()) {
            return Ok(refusal("the code is of another system"));
        }
        if system.content() == super::Content::NotPresent {
            return match grammar::contains(system.url(), coding.code) {
                Some(true) => Ok(acceptance(system.url(), coding.code)),
                Some(false) => Ok(refusal("the code does not have the form that its system prescribes")),
                None => Err(TerminologyError::not_loaded("CodeSystem", system.url(), system.version())),
            };
        }
        match system.concept(coding.code) {
            Some(concept) => Ok(acceptance(system.url(), concept.code())),
            None => absent(system).map(|_| refusal("the code system does not have the code")),
        }
    }

    fn in_value_set(
        &self,
        value_set: &ValueSet,
        coding: &Coding<'_>,
    ) -> Result<Validation, TerminologyError> {
        let evaluation = Evaluation::new(self);
        if let Some(system) = coding.system {
            return Ok(if evaluation.contains(value_set, system, coding.code, &mut Stack::new())? {
                acceptance(system, coding.code)
            } else {
                refusal(self.why_not(system, coding.code))
            });
        }
        let mut open = None;
        let mut found: Vec<String> = Vec::new();
        for system in evaluation.systems(value_set, &mut Stack::new())? {
            match evaluation.contains(value_set, &system, coding.code, &mut Stack::new()) {
                Ok(true) => found.push(system),
                Ok(false) => {}
                Err(error) => open = open.or(Some(error)),
            }
        }
        match (found.as_slice(), open) {
            ([system], _) => Ok(acceptance(system, coding.code)),
            ([], Some(error)) => Err(error),
            ([], None) => Ok(refusal("the value set does not have the code in any of its systems")),
            _ => Err(TerminologyError::Ambiguous { value_set: value_set.url().to_owned() }),
        }
    }

    fn why_not(&self, system: &str, code: &str) -> &'static str {
        match self.library.code_system(system, None) {
            Some(system) if system.is_complete() && system.concept(code).is_none() => {
                "the code system does not have the code"
            }
            _ => "the value set does not have the code",
        }
    }

    /// Adds what the system says of an accepted code, and judges display and abstractness.
    fn describe(
        &self,
        answer: &mut Validation,
        of_resource: Option<String>,
        coding: &Coding<'_>,
        display_language: Option<&str>,
        is_abstract_fine: Option<bool>,
    ) {
        let (Some(url), Some(code)) = (answer.system.clone(), answer.code.clone()) else { return };
        let system: Option<Arc<CodeSystem>> = self.library.code_system(&url, coding.version);
        let concept = system.as_ref().and_then(|system| system.concept(&code));
        answer.version = system.as_ref().and_then(|system| system.version()).map(str::to_owned);
        let own = match (concept, display_language) {
            (Some(concept), Some(language)) => concept.display_in(language),
            (Some(concept), None) => concept.display(),
            (None, _) => None,
        };
        answer.display = own.map(str::to_owned).or(of_resource);
        if let Some(concept) = concept {
            answer.code = Some(concept.code().to_owned());
            if is_abstract_fine == Some(false) && concept.is_abstract() {
                answer.result = false;
                answer.message = Some("the code only groups others and cannot stand in a record".to_owned());
                return;
            }
            if concept.is_inactive() {
                answer.message = Some("the code is out of use".to_owned());
            }
        }
        let Some(given) = coding.display else { return };
        let supplements = self.library.supplements(&url);
        let more = supplements.iter().filter_map(|supplement| supplement.concept(&code));
        let designations = concept.into_iter().chain(more).flat_map(|concept| {
            concept.designations().map(|designation| designation.value).chain(concept.display())
        });
        let mut known = designations.chain(answer.display.as_deref()).peekable();
        if known.peek().is_some() && !known.any(|known| reads_the_same(known, given)) {
            answer.result = false;
            answer.message = Some("the display is not one of the code's".to_owned());
        }
    }
}

impl ValueSet {
    /// The display that the value set itself gives the code that `answer` found.
    fn listed_display(&self, answer: &Validation) -> Option<String> {
        let (system, code) = (answer.system.as_deref()?, answer.code.as_deref()?);
        let listed =
            self.includes.iter().filter_map(|part| part.concepts.as_ref()).chain(&self.listed).flatten();
        listed
            .filter(|listed| listed.system == system && listed.code == code)
            .find_map(|listed| listed.display.clone())
    }
}

/// Displays are compared without case and without counting spaces.
fn reads_the_same(a: &str, b: &str) -> bool {
    let letters = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        words.join(" ").to_lowercase()
    };
    letters(a) == letters(b)
}

fn acceptance(system: &str, code: &str) -> Validation {
    Validation {
        result: true,
        system: Some(system.to_owned()),
        code: Some(code.to_owned()),
        ..Validation::default()
    }
}

fn refusal(why: &str) -> Validation {
    Validation { message: Some(why.to_owned()), ..Validation::default() }
}
