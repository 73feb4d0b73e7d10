//! What became of one message.

use serde::{Deserialize, Serialize};

use crate::quarantine::Reason;

/// What became of one message. As JSON: `{"outcome": word, …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub enum Outcome {
    /// It is committed: durable and searchable.
    Committed {
        /// New versions of resources that it made.
        versions: usize,
    },
    /// It was committed before, or says only what is stored already.
    Unchanged,
    /// It is archived and put aside, with the reason.
    Quarantined(Reason),
    /// It was not taken: nothing of it is kept.
    Refused(Reason),
    /// It could not be dealt with now; the sender should send it again. Nothing of it is committed.
    Failed {
        /// What the sender is told.
        text: String,
    },
}

impl Outcome {
    pub(crate) fn failed(text: &str) -> Self {
        Self::Failed { text: text.to_owned() }
    }

    /// Whether the store holds what the message says.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Committed { .. } | Self::Unchanged)
    }

    /// Whether the message is durable, in the store or in the quarantine.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_success() || matches!(self, Self::Quarantined(_))
    }

    /// The word used in metrics, tables and JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Committed { .. } => "committed",
            Self::Unchanged => "unchanged",
            Self::Quarantined(_) => "quarantined",
            Self::Refused(_) => "refused",
            Self::Failed { .. } => "failed",
        }
    }
}
