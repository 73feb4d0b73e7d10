use std::convert::Infallible;
use std::time::SystemTime;

use http::Response;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::tls;

/// An HTTPS server on a port of its own; gives its URL, and the authority that vouches for it.
async fn endpoint() -> (String, String) {
    let authority = tls::new_authority("test", SystemTime::now()).unwrap();
    let pair = tls::issue(&authority, &["127.0.0.1".to_owned()], SystemTime::now()).unwrap();
    let config = tls::server_config(tls::Certificates::new(&pair).unwrap(), &["http/1.1"]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&config));
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(answer);
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (format!("https://{address}"), authority.certificate_pem)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let body = match path.as_str() {
        "/echo" => request.into_body().collect().await.unwrap().to_bytes(),
        "/long" => Bytes::from(vec![0; 100_000]),
        "/silent" => std::future::pending().await,
        _ => Bytes::new(),
    };
    let mut response = Response::new(Full::new(body));
    if path == "/elsewhere" {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(header::LOCATION, "https://127.0.0.1:1/".parse().unwrap());
    }
    Ok(response)
}

fn client(url: &str, pem: &str) -> Outbound {
    let host = url.strip_prefix("https://").unwrap().parse().unwrap();
    let options = OutboundOptions {
        hosts: vec![host],
        authorities_pem: vec![pem.to_owned()],
        ..OutboundOptions::default()
    };
    Outbound::new(options).unwrap()
}

const LONG: Duration = Duration::from_secs(60);

async fn post(client: &Outbound, url: String, timeout: Duration) -> Result<Answer, OutboundError> {
    client.send(Method::POST, &url, HeaderMap::new(), Bytes::from_static(b"abc"), timeout).await
}

#[tokio::test]
async fn a_body_goes_out_and_its_answer_comes_back() {
    let (url, pem) = endpoint().await;
    let client = client(&url, &pem);
    let answer = post(&client, format!("{url}/echo"), LONG).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (StatusCode::OK, &b"abc"[..]));
    let (status, mut download) =
        client.fetch(&format!("{url}/long"), HeaderMap::new(), 100_000).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    let mut length = 0;
    while let Some(chunk) = download.next().await.unwrap() {
        length += chunk.len();
    }
    assert_eq!(length, 100_000);
}

#[tokio::test]
async fn redirects_long_answers_and_silence_are_refused() {
    let (url, pem) = endpoint().await;
    let client = client(&url, &pem);
    assert!(matches!(post(&client, format!("{url}/elsewhere"), LONG).await, Err(OutboundError::Redirect)));
    assert!(matches!(post(&client, format!("{url}/long"), LONG).await, Err(OutboundError::TooLong { .. })));
    let told = client.tell(Method::POST, &format!("{url}/long"), HeaderMap::new(), Bytes::new(), LONG).await;
    assert_eq!(told.unwrap(), StatusCode::OK);
    let short = Duration::from_millis(50);
    assert!(matches!(post(&client, format!("{url}/silent"), short).await, Err(OutboundError::Timeout)));
}

#[tokio::test]
async fn a_server_whose_authority_is_not_trusted_gets_nothing() {
    let (url, _) = endpoint().await;
    let other = tls::new_authority("other", SystemTime::now()).unwrap();
    let refused = post(&client(&url, &other.certificate_pem), format!("{url}/echo"), LONG).await;
    assert!(matches!(refused, Err(OutboundError::Unreachable(_))), "{refused:?}");
    assert!(
        Outbound::new(OutboundOptions {
            authorities_pem: vec!["no certificate".to_owned()],
            ..OutboundOptions::default()
        })
        .is_err()
    );
}
