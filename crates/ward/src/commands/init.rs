//! `ward init`: a data folder with keys, an authority for certificates and a first configuration.

use clap::Args;
use storage::disk::write_durably;

use crate::Common;
use crate::config::{Config, TEMPLATE};
use crate::failure::{During, Result};
use crate::home::{Base, Fresh};
use crate::{root, tls};

/// What `ward init` takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

/// Makes the data folder; needs no terminal if `WARD_PASSPHRASE` or `--key-file` is given.
pub(crate) fn run(common: &Common, _arguments: &Arguments) -> Result {
    let source = root::new_source(common)?;
    let fresh = Fresh::of(&common.data);
    let base = Base::create(&common.data, &source)?;
    tls::create_authority(&base)?;
    base.tokens()?;
    let path = Config::path(&common.data, None);
    write_durably(base.disk.as_ref(), &path, TEMPLATE.as_bytes())
        .during("the configuration could not be written")?;
    fresh.keep();
    let data = common.data.display();
    eprintln!(
        "`{data}` is ready. Keep the root key apart from it: without the key the data cannot be read, by anybody."
    );
    eprintln!("next: `ward token create --scope \"system/*.cruds\"`, then `ward serve`");
    Ok(())
}
