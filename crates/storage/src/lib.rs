//! Sealed bytes: keys, log, index engine, object archive, snapshots.
