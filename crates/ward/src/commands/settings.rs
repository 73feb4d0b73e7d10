//! `ward config check`.

use clap::Subcommand;

use crate::Common;
use crate::config::Config;
use crate::failure::Result;

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Read the configuration and say whether it is right
    Check,
}

/// Runs it.
pub(crate) fn run(common: &Common, verb: &Verb) -> Result {
    let Verb::Check = verb;
    let path = Config::path(&common.data, common.config.as_ref());
    let config = Config::read(&path)?;
    say!(
        "`{}` is right: HTTPS on {}, {} channels",
        path.display(),
        config.https.listen,
        config.channel.len()
    );
    Ok(())
}
