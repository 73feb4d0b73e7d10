//! A server that runs on our data folder, spoken to by a command: the keys of the folder are proof enough for a token.

use bytes::Bytes;
use http::{Method, StatusCode};
use protect::token::TokenId;
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::commands::token;
use crate::failure::{During, Result};
use crate::home::Base;
use crate::tls;

/// The running server, with a token that was made for this command and ends with it.
pub(crate) struct Served {
    runtime: Runtime,
    client: Client,
    base: Base,
    token: TokenId,
}

impl Served {
    /// The server that runs on the folder of `base`; `base` back if there is none.
    pub(crate) fn find(base: Base, command: &str) -> Result<std::result::Result<Self, Base>> {
        match std::fs::read_to_string(base.layout.running()) {
            Ok(url) if reachable(url.trim()) => Self::open(base, url.trim(), command).map(Ok),
            _ => Ok(Err(base)),
        }
    }

    fn open(base: Base, url: &str, command: &str) -> Result<Self> {
        let (token, secret) = token::create(&base, "system/*.cruds", command, None, 1)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .during("the runtime did not start")?;
        let trust =
            server::tls::client_config(&tls::authority_pem(&base)?).during("TLS could not be set up")?;
        let client = Client::new(url, trust, &secret)?;
        Ok(Self { runtime, client, base, token })
    }

    /// Sends one request and reads the whole answer.
    pub(crate) fn call(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes)> {
        self.runtime.block_on(self.client.call(method, path, headers, body))
    }

    /// Ends the token.
    pub(crate) fn close(self) {
        // A token that stays is good for a day at most.
        let _ = self.base.tokens().map(|tokens| tokens.revoke(self.token));
    }
}

/// A server that was killed leaves its address behind: only one that answers counts.
fn reachable(url: &str) -> bool {
    let address = url.strip_prefix("https://").unwrap_or(url);
    std::net::ToSocketAddrs::to_socket_addrs(address)
        .ok()
        .and_then(|mut addresses| addresses.next())
        .is_some_and(|address| {
            std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_secs(2)).is_ok()
        })
}
