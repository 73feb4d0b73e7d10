//! SMART on FHIR scopes: `system/*.cruds`, `user/Patient.rs`, and the shapes of version 1 (`.read`, `.write`, `.*`).

use std::fmt;
use std::str::FromStr;

/// Scopes in one grant.
const SCOPES_MAX: usize = 500;

/// Whose rights a scope stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// The patient of the launch context.
    Patient,
    /// The user who is logged in.
    User,
    /// A program by itself.
    System,
}

impl Context {
    fn word(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::User => "user",
            Self::System => "system",
        }
    }
}

/// A set of the five rights of SMART v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permissions(u8);

const LETTERS: &[(char, Permissions)] = &[
    ('c', Permissions::CREATE),
    ('r', Permissions::READ),
    ('u', Permissions::UPDATE),
    ('d', Permissions::DELETE),
    ('s', Permissions::SEARCH),
];

impl Permissions {
    /// No right.
    pub const NONE: Self = Self(0);
    /// `c`
    pub const CREATE: Self = Self(1);
    /// `r`: read, vread, history of an instance.
    pub const READ: Self = Self(2);
    /// `u`: update and patch.
    pub const UPDATE: Self = Self(4);
    /// `d`
    pub const DELETE: Self = Self(8);
    /// `s`: search, history of a type or of all.
    pub const SEARCH: Self = Self(16);
    /// All that writes: `cud`.
    pub const WRITE: Self = Self(13);
    /// All five.
    pub const ALL: Self = Self(31);

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `needed` is in this set.
    pub const fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "read" => return Some(Self::READ.and(Self::SEARCH)),
            "write" => return Some(Self::WRITE),
            "*" => return Some(Self::ALL),
            _ => {}
        }
        // The letters must stand in this order, each once.
        let mut rest = text;
        let mut set = Self::NONE;
        for (letter, permission) in LETTERS {
            if let Some(after) = rest.strip_prefix(*letter) {
                rest = after;
                set = set.and(*permission);
            }
        }
        (rest.is_empty() && set != Self::NONE).then_some(set)
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters: String = LETTERS
            .iter()
            .filter(|(_, permission)| self.contains(*permission))
            .map(|(letter, _)| *letter)
            .collect();
        f.write_str(&letters)
    }
}

/// One scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Whose rights.
    pub context: Context,
    /// On which type; `None` is `*`.
    pub resource_type: Option<String>,
    /// Which rights.
    pub permissions: Permissions,
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let wrong = || ScopeError::Shape { scope: shorten(text) };
        if text.contains('?') {
            return Err(ScopeError::Query { scope: shorten(text) });
        }
        let (context, rest) = text.split_once('/').ok_or_else(wrong)?;
        let context = [Context::Patient, Context::User, Context::System]
            .into_iter()
            .find(|known| known.word() == context)
            .ok_or_else(wrong)?;
        let (resource_type, permissions) = rest.split_once('.').ok_or_else(wrong)?;
        let permissions = Permissions::parse(permissions).ok_or_else(wrong)?;
        let resource_type = match resource_type {
            "*" => None,
            name if is_type_name(name) => Some(name.to_owned()),
            _ => return Err(wrong()),
        };
        Ok(Self { context, resource_type, permissions })
    }
}

fn is_type_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.len() <= 64
        && name.chars().all(|letter| letter.is_ascii_alphabetic())
}

fn shorten(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(80).collect()
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = self.resource_type.as_deref().unwrap_or("*");
        write!(f, "{}/{on}.{}", self.context.word(), self.permissions)
    }
}

/// A right of Ward's own, beside those of SMART. An administrator grants it by name; `system/*.cruds` does not hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// `ward/reveal`: lead back what was masked so that it can be.
    Reveal,
    /// `ward/masked-objects`: read masked objects of the archive, and nothing by it of what they were made from.
    MaskedObjects,
}

impl Right {
    const ALL: [Self; 2] = [Self::Reveal, Self::MaskedObjects];

    fn word(self) -> &'static str {
        match self {
            Self::Reveal => "ward/reveal",
            Self::MaskedObjects => "ward/masked-objects",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What somebody was granted: scopes, which add up, and rights of Ward's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    scopes: Vec<Scope>,
    rights: Vec<Right>,
}

impl Scopes {
    /// Reads scopes parted by white space. Scopes of OpenID and of the launch, which grant no data, are left out.
    ///
    /// # Errors
    /// [`ScopeError`] names the scope that cannot be read; nothing is granted then.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let (mut scopes, mut rights) = (Vec::new(), Vec::new());
        for word in text.split_ascii_whitespace() {
            if scopes.len() >= SCOPES_MAX {
                return Err(ScopeError::TooMany { scopes_max: SCOPES_MAX });
            }
            if let Some(right) = Right::ALL.into_iter().find(|right| right.word() == word) {
                if !rights.contains(&right) {
                    rights.push(right);
                }
            } else if !grants_no_data(word) {
                scopes.push(word.parse()?);
            }
        }
        Ok(Self { scopes, rights })
    }

    /// `system/*.cruds`: everything but the rights of Ward's own.
    pub fn all() -> Self {
        let scope = Scope { context: Context::System, resource_type: None, permissions: Permissions::ALL };
        Self { scopes: vec![scope], rights: Vec::new() }
    }

    /// Whether a right of Ward's own was granted.
    pub fn has(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }

    /// The scopes, as they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.scopes.iter()
    }

    /// Whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty() && self.rights.is_empty()
    }

    /// Whether scopes of this context grant all that is needed on a type; `None` asks for all types at once, which only
    /// `*` grants.
    pub fn grants(&self, context: Context, resource_type: Option<&str>, needed: Permissions) -> bool {
        let granted = self
            .scopes
            .iter()
            .filter(|scope| scope.context == context)
            .filter(|scope| scope.resource_type.is_none() || scope.resource_type.as_deref() == resource_type)
            .fold(Permissions::NONE, |granted, scope| granted.and(scope.permissions));
        granted.contains(needed)
    }
}

fn grants_no_data(word: &str) -> bool {
    matches!(
        word,
        "openid"
            | "fhirUser"
            | "profile"
            | "launch"
            | "launch/patient"
            | "launch/encounter"
            | "offline_access"
            | "online_access"
    )
}

impl FromStr for Scopes {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes = self.scopes.iter().map(ToString::to_string);
        let all: Vec<String> = scopes.chain(self.rights.iter().map(ToString::to_string)).collect();
        f.write_str(&all.join(" "))
    }
}

/// Why a scope cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// Not of the grammar.
    #[error("`{scope}` is no scope: expected, for example, `system/*.cruds` or `user/Patient.rs`")]
    Shape {
        /// What was given.
        scope: String,
    },
    /// SMART v2 scopes may carry a search that narrows them. Leaving it out would widen the grant, so it is refused.
    #[error("`{scope}` carries a search, which is not supported")]
    Query {
        /// What was given.
        scope: String,
    },
    /// Too many.
    #[error("more than {scopes_max} scopes")]
    TooMany {
        /// How many are allowed.
        scopes_max: usize,
    },
}
