//! The bounds of a request.

/// What a request may cost before it is refused.
#[derive(Clone, Debug)]
pub struct RequestLimits {
    /// Bytes of a body, after any content coding is undone.
    pub body_bytes_max: usize,
    /// Bytes of all bodies that are held at a time; more are told to come again (503).
    pub bodies_bytes_max: usize,
    /// Bytes of a query string, or of the form of a POST `_search`.
    pub query_bytes_max: usize,
    /// Depth of nested JSON.
    pub depth_max: usize,
    /// JSON values in a body.
    pub nodes_max: usize,
    /// Requests that may wait or work in the store at a time; more are told to come again (503).
    pub busy_max: usize,
    /// How long a body may take to arrive, in milliseconds.
    pub body_ms_max: u64,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024 * 1024,
            bodies_bytes_max: 1024 * 1024 * 1024,
            query_bytes_max: 16 * 1024,
            depth_max: 64,
            nodes_max: 8_000_000,
            busy_max: 1024,
            body_ms_max: 60_000,
        }
    }
}
