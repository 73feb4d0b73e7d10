//! A message back to bytes.

use super::message::Message;

/// Writes a message: its segments as they came, each ended by CR, in its own character set. Line ends between segments and
/// everything that stood around the message are thus made regular; parsing the bytes gives the same segments again.
pub fn write(message: &Message) -> Vec<u8> {
    let mut text = String::with_capacity(message.raw().len() + 1);
    for segment in message.segments() {
        text.push_str(segment.raw());
        text.push('\r');
    }
    message.charset().encode(&text).into_owned()
}
