//! The code sets of required bindings.

/// The codes of one value set, by code system.
#[derive(Debug)]
pub struct CodeSet {
    /// The value set's address.
    pub url: &'static str,
    systems: Vec<System>,
}

#[derive(Debug)]
struct System {
    url: &'static str,
    /// Sorted; empty where the standard does not list them.
    codes: Vec<&'static str>,
    is_listed: bool,
}

impl CodeSet {
    pub(super) fn new(url: &'static str) -> Self {
        Self { url, systems: Vec::new() }
    }

    /// Adds a system; the single code `*` stands for codes that are not listed, the system `*` for any.
    pub(super) fn add(&mut self, url: &'static str, mut codes: Vec<&'static str>) {
        let is_listed = codes != ["*"];
        if !is_listed {
            codes.clear();
        }
        codes.sort_unstable();
        self.systems.push(System { url, codes, is_listed });
    }

    /// Whether all its codes are known. If not, codes of the unlisted systems count as contained.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.systems.iter().all(|system| system.is_listed)
    }

    /// Whether it has `code` in any of its systems; for elements of type `code`.
    #[must_use]
    pub fn contains_code(&self, code: &str) -> bool {
        self.systems.iter().any(|system| system.contains(code))
    }

    /// Whether it has `code` of `system`; for `Coding` and `CodeableConcept`.
    #[must_use]
    pub fn contains(&self, system: &str, code: &str) -> bool {
        self.systems.iter().any(|known| (known.url == system || known.url == "*") && known.contains(code))
    }

    /// The codes by system, sorted; unlisted systems have none.
    pub fn systems(&self) -> impl Iterator<Item = (&'static str, &[&'static str])> {
        self.systems.iter().map(|system| (system.url, system.codes.as_slice()))
    }
}

impl System {
    fn contains(&self, code: &str) -> bool {
        !self.is_listed || self.codes.binary_search(&code).is_ok()
    }
}
