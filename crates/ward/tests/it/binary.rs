//! Binary: content in its own format, and who may see it.

use fhir::json::{Value, object};

use crate::support::https::FHIR;
use crate::support::{Folder, text};

#[test]
fn a_document_goes_in_and_comes_out_as_it_is() {
    let folder = Folder::new();
    let token = folder.token();
    let mut server = folder.serve();
    let mut client = server.client(&token);
    let page = b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\">\xC3\xA4</ClinicalDocument>";
    let headers = [("content-type", "application/xml"), ("x-security-context", "Patient/p")];
    let made = client.call("POST", "/fhir/Binary", &headers, page);
    assert_eq!(made.status, 201);
    let resource = made.ok();
    assert_eq!(text(&resource, "contentType"), "application/xml");
    assert_eq!(text(&resource, "securityContext.reference"), "Patient/p");
    let path = format!("/fhir/Binary/{}", text(&resource, "id"));

    let native = client.call("GET", &path, &[("accept", "application/xml, */*")], &[]);
    assert_eq!((native.status.as_u16(), native.body.as_ref()), (200, &page[..]));
    assert_eq!(native.header("content-type"), "application/xml");
    assert_eq!(native.header("x-security-context"), "Patient/p");
    assert_eq!(native.header("content-security-policy"), "sandbox");
    assert_eq!(native.version(), 1);
    let old = client.call("GET", &format!("{path}/_history/1"), &[("accept", "image/png")], &[]);
    assert_eq!(old.body.as_ref(), &page[..]);
    let whole = client.call("GET", &path, &[("accept", "application/fhir+json")], &[]).ok();
    assert_eq!(whole.resource_type(), Some("Binary"));

    let picture = [0_u8, 255, 1, 254];
    let put = client.call("PUT", "/fhir/Binary/b", &[("content-type", "image/png")], &picture);
    assert_eq!(put.status, 201);
    assert_eq!(client.get("/fhir/Binary/b").body.as_ref(), &picture);
    client
        .call("POST", "/fhir/Binary", &[("content-type", "image/png"), ("x-security-context", "x")], b"a")
        .refused(400);
    client.get("/fhir/Binary/none").refused(404);
    let resource =
        object([("resourceType", Value::from("Binary")), ("contentType", Value::from("text/plain"))]);
    assert_eq!(client.call("POST", "/fhir/Binary", &[FHIR], &resource.to_vec()).status, 201);
    server.stop();
}
