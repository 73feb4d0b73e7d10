//! The two keyed functions that masking needs, handed in by whoever holds keys.

/// A secret for masking. Equal labels and data always give equal results under one secret, and nothing tells the secret.
pub trait Keys {
    /// HMAC-SHA-256 of `data` under a key of its own for `label` (such as `date-shift`).
    fn mac(&self, label: &str, data: &[u8]) -> [u8; 32];

    /// AES-256 of one block, for format-preserving encryption (NIST SP 800-38G, FF1).
    fn block(&self, block: [u8; 16]) -> [u8; 16];

    /// The id under which the FHIR resource `resource_type`/`id` is shown, where whoever holds the keys gives resources ids of his
    /// own; `None` for the pseudonym. It has to be a logical id of FHIR, and always the same.
    fn shown_id(&self, _resource_type: &str, _id: &str) -> Option<String> {
        None
    }
}
