//! The list of hosts that may be reached, and the test of a URL against it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;

use super::OutboundError;

const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// A host that may be reached: `name` (port 443) or `name:port`. No wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    name: String,
    port: u16,
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no host: expected `name` or `name:port`, without scheme and path");
        let uri = Uri::builder().scheme(Scheme::HTTPS).authority(text).path_and_query("/").build();
        let uri = uri.map_err(|_| wrong())?;
        if text.contains('@') || text.contains('*') {
            return Err(wrong());
        }
        let name = uri.host().filter(|name| !name.is_empty()).ok_or_else(wrong)?.to_ascii_lowercase();
        let port = match text.strip_prefix(uri.host().unwrap_or_default()).unwrap_or_default() {
            "" => HTTPS_PORT,
            _ => uri.port_u16().filter(|port| *port > 0).ok_or_else(wrong)?,
        };
        Ok(Self { name, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

/// The hosts of a configuration.
#[derive(Debug)]
pub struct Hosts {
    hosts: Vec<Host>,
    plain_loopback: bool,
}

impl Hosts {
    /// The list; `plain_loopback` allows `http` where the host is written as a loopback address.
    pub fn new(hosts: Vec<Host>, plain_loopback: bool) -> Self {
        Self { hosts, plain_loopback }
    }

    /// The parsed URL, if it may be reached.
    ///
    /// # Errors
    /// [`OutboundError::Url`], [`OutboundError::Scheme`], [`OutboundError::NotListed`].
    pub fn check(&self, url: &str) -> Result<Uri, OutboundError> {
        let uri: Uri = url.parse().map_err(|_| OutboundError::Url)?;
        let (Some(scheme), Some(authority), Some(name)) = (uri.scheme(), uri.authority(), uri.host()) else {
            return Err(OutboundError::Url);
        };
        if authority.as_str().contains('@') {
            return Err(OutboundError::Url);
        }
        let port = match scheme.as_str() {
            "https" => uri.port_u16().unwrap_or(HTTPS_PORT),
            "http" if self.plain_loopback && is_loopback(name) => uri.port_u16().unwrap_or(HTTP_PORT),
            _ => return Err(OutboundError::Scheme),
        };
        let listed = |host: &Host| host.name.eq_ignore_ascii_case(name) && host.port == port;
        if self.hosts.iter().any(listed) { Ok(uri) } else { Err(OutboundError::NotListed) }
    }
}

fn is_loopback(name: &str) -> bool {
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(plain: bool) -> Hosts {
        let hosts = ["a.example", "b.example:8443", "127.0.0.1:9000", "[::1]:9000"];
        Hosts::new(hosts.map(|host| host.parse().unwrap()).into(), plain)
    }

    #[test]
    fn only_listed_hosts_and_ports_are_reached() {
        let hosts = hosts(false);
        for url in [
            "https://a.example/x?y",
            "https://A.Example:443",
            "https://b.example:8443/",
            "https://127.0.0.1:9000/",
            "https://[::1]:9000/",
        ] {
            assert!(hosts.check(url).is_ok(), "{url}");
        }
        for url in [
            "https://a.example:8443/",
            "https://b.example/",
            "https://c.example/",
            "https://a.example.evil.test/",
            "https://evil.test/a.example",
            "https://127.0.0.1/",
        ] {
            assert!(matches!(hosts.check(url), Err(OutboundError::NotListed)), "{url}");
        }
        for url in
            ["http://a.example:443/", "http://127.0.0.1:9000/", "ftp://a.example/", "file:///etc/passwd"]
        {
            assert!(hosts.check(url).is_err(), "{url}");
        }
        for url in ["https://a.example@evil.test/", "https://u:p@a.example/", "/x", "a.example", ""] {
            assert!(hosts.check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_addresses_alone_and_only_where_allowed() {
        let hosts = hosts(true);
        assert!(hosts.check("http://127.0.0.1:9000/").is_ok());
        assert!(hosts.check("http://[::1]:9000/").is_ok());
        for url in ["http://a.example:443/", "http://localhost:9000/", "http://127.0.0.1:9001/"] {
            assert!(hosts.check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_host_with_more_than_name_and_port_is_refused() {
        for text in ["", "https://a", "a/b", "u@a", "*.a", "a:0", "a:x", "a:99999", "a b", "a:"] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
        assert_eq!("A.b".parse::<Host>().unwrap().to_string(), "a.b:443");
    }
}
