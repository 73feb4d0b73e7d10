//! `configuration.md`: every key of `ward.toml`.

use crate::config::{TABLES, TEMPLATE};

/// The page.
pub(super) fn page() -> String {
    let mut out = super::title(
        "Configuration",
        "`DATA/ward.toml`, or the file that `--config` or `WARD_CONFIG` names. `ward config check` reads it and says \
         what is wrong. A key that is not listed here is an error.",
    );
    for (table, keys) in TABLES {
        out.push_str(&format!("\n## `{table}`\n\n"));
        let rows: Vec<Vec<String>> = keys
            .iter()
            .map(|key| {
                let default = key.default.map(|value| format!("`{value}`")).unwrap_or_default();
                vec![format!("`{}`", key.name), key.kind.to_owned(), default, key.meaning.to_owned()]
            })
            .collect();
        out.push_str(&super::table(&["key", "value", "default", "meaning"], &rows));
    }
    out.push_str(&format!("\n## The file that `ward init` writes\n\n```toml\n{}```\n", TEMPLATE));
    out.push_str(ENVIRONMENT);
    out
}

const ENVIRONMENT: &str = "
## Environment

| variable | meaning |
|---|---|
| `WARD_DATA` | The data folder, as `--data`. |
| `WARD_KEY_FILE` | The root key's file, as `--key-file`. |
| `WARD_CONFIG` | The configuration, as `--config`. |
| `WARD_PASSPHRASE` | The passphrase of the root key, where there is no key file. |
| `WARD_LOG` | What is logged to stderr: `error`, `warn` (the default), `info`, `debug`, or a filter such as `warn,ingest=debug`. |
| `WARD_LOG_FORMAT` | `json`: one JSON object a line. |
";
