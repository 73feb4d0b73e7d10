//! Channels: listen, archive, decode, map, commit, acknowledge; quarantine and replay.
