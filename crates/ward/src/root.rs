//! Where the root key comes from: a key file, an environment variable, or the terminal.

use std::io::IsTerminal;

use zeroize::Zeroizing;

use crate::Common;
use crate::failure::{During, Failure, Result};
use crate::home::{Layout, RootSource};

/// The environment variable with the passphrase.
const PASSPHRASE: &str = "WARD_PASSPHRASE";

/// The shortest passphrase that a new data folder takes.
const PASSPHRASE_CHARS_MIN: usize = 12;

/// The root key's source for a folder that exists.
pub(crate) fn source(common: &Common) -> Result<RootSource> {
    let layout = Layout { data: common.data.clone() };
    layout.expect()?;
    if let Some(path) = &common.key_file {
        return Ok(RootSource::KeyFile(path.clone()));
    }
    if !layout.root().exists() {
        return Err(Failure::usage("the root key of this data folder is in a key file")
            .hint("`--key-file` or `WARD_KEY_FILE` names it: the file that `ward init` was given or made"));
    }
    match std::env::var(PASSPHRASE) {
        Ok(passphrase) => Ok(RootSource::Passphrase(Zeroizing::new(passphrase))),
        Err(_) => Ok(RootSource::Passphrase(ask("Passphrase: ")?)),
    }
}

/// The root key's source for a new folder; a passphrase typed in is asked for twice.
pub(crate) fn new_source(common: &Common) -> Result<RootSource> {
    if let Some(path) = &common.key_file {
        if path.starts_with(&common.data) {
            return Err(Failure::usage(
                "the key file lies in the data folder: whoever takes the folder takes the key",
            )
            .hint("choose a path outside the data folder"));
        }
        return Ok(RootSource::KeyFile(path.clone()));
    }
    let passphrase = match std::env::var(PASSPHRASE) {
        Ok(passphrase) => Zeroizing::new(passphrase),
        Err(_) => {
            let first = ask("New passphrase: ")?;
            if *ask("Again: ")? != *first {
                return Err(Failure::new("the two passphrases differ").hint("try again"));
            }
            first
        }
    };
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(Failure::usage(format!(
            "the passphrase has fewer than {PASSPHRASE_CHARS_MIN} characters"
        ))
        .hint("five random words make a good one"));
    }
    Ok(RootSource::Passphrase(passphrase))
}

fn ask(prompt: &str) -> Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("the root key is needed, and there is no terminal to ask at")
            .hint("set `WARD_PASSPHRASE`, or name a key file with `--key-file`"));
    }
    rpassword::prompt_password(prompt).map(Zeroizing::new).during("the passphrase could not be read")
}
