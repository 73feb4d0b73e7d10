//! The paths that are no FHIR operations, with their methods. A test compares them with the routes in the source.

/// A path and what can be done with it.
pub(super) struct Path {
    pub(super) path: &'static str,
    pub(super) verbs: &'static [Verb],
}

/// One method.
pub(super) struct Verb {
    /// In lower case, as OpenAPI has it.
    pub(super) verb: &'static str,
    pub(super) summary: &'static str,
    pub(super) body: Body,
    pub(super) query: &'static [&'static str],
    /// Statuses of success.
    pub(super) done: &'static [u16],
    /// Media types of the answer.
    pub(super) media: &'static [&'static str],
}

/// What a request's body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Resource,
    Bundle,
    /// `Parameters`, or nothing at all.
    Optional,
    Patch,
    Form,
    /// A message of a channel, in its own format.
    Message,
    /// A text with wishes, in JSON, or plain.
    Note,
    /// A picture.
    Picture,
    /// A PDF file.
    Pdf,
    /// A C-CDA document.
    Document,
    /// A CSV table.
    Table,
    /// A DICOM file.
    Dicom,
    /// `{"Text"}`.
    Comprehend,
    /// An object of the archive.
    Object,
    /// `{"s3Bucket","s3Key"}`, or a text.
    Named,
    /// `{"values"}`.
    Values,
}

const FHIR: &[&str] = &["application/fhir+json", "application/fhir+xml"];
/// Answers of jobs.
const JOB: &[&str] = &["application/json", "application/fhir+ndjson", "application/fhir+json"];
const JSON: &[&str] = &["application/json"];
const SHAPE: &[&str] = &["_format", "_pretty"];
const SEARCH: &[&str] = &[
    "_contained",
    "_containedType",
    "_id",
    "_lastUpdated",
    "_tag",
    "_profile",
    "_security",
    "_text",
    "_content",
    "_filter",
    "_list",
    "_count",
    "_sort",
    "_include",
    "_revinclude",
    "_summary",
    "_elements",
    "_total",
    "_format",
    "_pretty",
];
const MASK: &[&str] = &["profile", "tier", "style", "patient"];
/// What only whole resources are looked for with: in compartments, and by conditional interactions.
const CRITERIA: &[&str] = SEARCH.split_at(2).1;
const HISTORY: &[&str] = &["_count", "_since", "_format", "_pretty"];

const fn verb(
    verb: &'static str,
    summary: &'static str,
    body: Body,
    query: &'static [&'static str],
    done: &'static [u16],
) -> Verb {
    Verb { verb, summary, body, query, done, media: FHIR }
}

const fn plain(summary: &'static str, media: &'static [&'static str]) -> Verb {
    Verb { verb: "get", summary, body: Body::None, query: &[], done: &[200], media }
}

/// An operation by GET.
pub(super) const ASK: Verb = Verb {
    verb: "get",
    summary: "ask",
    body: Body::None,
    query: SHAPE,
    done: &[200, 201, 202],
    media: &["application/fhir+json", "application/fhir+xml", "application/json", "application/fhir+ndjson"],
};
/// An operation by POST.
pub(super) const CALL: Verb = Verb { verb: "post", summary: "call", body: Body::Optional, ..ASK };

/// All of them.
#[rustfmt::skip]
pub(super) const PATHS: &[Path] = &[
    Path { path: "/healthz", verbs: &[plain("whether the process lives", &["text/plain"])] },
    Path { path: "/readyz", verbs: &[plain("whether requests are taken", &["text/plain"])] },
    Path { path: "/metrics", verbs: &[plain("figures for Prometheus", &["text/plain"])] },
    Path { path: "/openapi.json", verbs: &[plain("this document", &["application/json"])] },
    Path { path: "/channels/{name}", verbs: &[Verb {
        media: &["application/hl7-v2", "x-application/hl7-v2+er7", "text/plain", "application/json", "application/fhir+json"],
        ..verb("post", "hand in a message", Body::Message, &[], &[200, 202]) }] },
    Path { path: "/mask/text", verbs: &[Verb {
        media: &["application/json", "text/plain"], ..verb("post", "hide who a text is about", Body::Note, MASK, &[200]) }] },
    Path { path: "/mask/text/entities", verbs: &[Verb {
        media: &["application/json"], ..verb("post", "what of a text tells who it is about", Body::Note, MASK, &[200]) }] },
    Path { path: "/mask/fhir", verbs: &[verb("post", "hide who a resource or bundle is about", Body::Resource, MASK, &[200])] },
    Path { path: "/mask/hl7v2", verbs: &[Verb {
        media: &["application/hl7-v2"], ..verb("post", "hide who an HL7 v2 message is about", Body::Message, MASK, &[200]) }] },
    Path { path: "/mask/ccda", verbs: &[Verb {
        media: &["application/xml"], ..verb("post", "hide who a C-CDA document is about", Body::Document, MASK, &[200]) }] },
    Path { path: "/mask/csv", verbs: &[Verb {
        media: &["text/csv"], ..verb("post", "hide who a CSV table is about", Body::Table, MASK, &[200]) }] },
    Path { path: "/mask/dicom", verbs: &[Verb {
        media: &["application/dicom"], ..verb("post", "hide who a DICOM file is about", Body::Dicom, MASK, &[200]) }] },
    Path { path: "/mask/image", verbs: &[Verb {
        media: &["image/png", "image/jpeg", "image/tiff"], ..verb("post", "fill the text of a picture that tells who it is about", Body::Picture, MASK, &[200]) }] },
    Path { path: "/mask/pdf", verbs: &[Verb {
        media: &["application/pdf"], ..verb("post", "fill the text of a PDF that tells who it is about, and make pictures of its pages", Body::Pdf, MASK, &[200]) }] },
    Path { path: "/mask/image/entities", verbs: &[Verb {
        media: &["application/json"], ..verb("post", "where the text of a picture tells who it is about", Body::Picture, MASK, &[200]) }] },
    Path { path: "/mask/comprehend", verbs: &[Verb {
        media: &["application/x-amz-json-1.1"], ..verb("post", "what of a text tells who it is about, as DetectPHI has it", Body::Comprehend, &[], &[200]) }] },
    Path { path: "/mask/reveal", verbs: &[Verb {
        media: JSON, ..verb("post", "lead back what was masked so that it can be", Body::Values, &[], &[200]) }] },
    Path { path: "/archive", verbs: &[Verb {
        media: JSON, ..verb("post", "keep an object in the bucket raw", Body::Object, &[], &[201]) }] },
    Path { path: "/archive/{bucket}/{key}", verbs: &[Verb {
        media: &["application/octet-stream"], ..verb("get", "an object, raw or masked", Body::None, &[], &[200]) }] },
    Path { path: "/text/phi", verbs: &[Verb {
        media: JSON, ..verb("post", "what of a text or object tells who it is about", Body::Named, &[], &[200]) }] },
    Path { path: "/text/mask", verbs: &[Verb {
        media: JSON, ..verb("post", "a masked text, or a masked object of an object", Body::Named, &[], &[200]) }] },
    Path { path: "/image/phi", verbs: &[
        Verb { media: JSON, ..verb("get", "boxes of a picture that tell", Body::None, &["s3Bucket", "s3Key", "phiDetectionThreshold"], &[200]) },
        Verb { media: JSON, ..verb("post", "boxes of a picture that tell", Body::Named, &[], &[200]) }] },
    Path { path: "/image/mask", verbs: &[Verb {
        media: JSON, ..verb("post", "a masked object of a picture", Body::Named, &[], &[200]) }] },
    Path { path: "/scan", verbs: &[Verb { media: JSON, ..verb("get", "how scans stand", Body::None, &[], &[200]) }] },
    Path { path: "/scan/findings", verbs: &[Verb {
        media: JSON, ..verb("get", "what scans found", Body::None, &["scan", "severity", "count", "nextToken"], &[200]) }] },
    Path { path: "/scan/{name}/start", verbs: &[Verb { media: JSON, ..verb("post", "begin a scan", Body::None, &[], &[202]) }] },
    Path { path: "/scan/{name}/stop", verbs: &[Verb { media: JSON, ..verb("post", "end a scan", Body::None, &[], &[202]) }] },
    Path { path: "/fhir", verbs: &[
        verb("get", "search all types", Body::None, SEARCH, &[200]),
        verb("post", "batch or transaction", Body::Bundle, SHAPE, &[200, 202])] },
    Path { path: "/fhir/metadata", verbs: &[verb("get", "capability statement", Body::None, &["mode", "_format", "_pretty"], &[200])] },
    Path { path: "/fhir/_search", verbs: &[
        verb("get", "search all types", Body::None, SEARCH, &[200]),
        verb("post", "search all types by form", Body::Form, SHAPE, &[200])] },
    Path { path: "/fhir/_history", verbs: &[verb("get", "history of everything", Body::None, HISTORY, &[200])] },
    Path { path: "/fhir/{type}", verbs: &[
        verb("get", "search", Body::None, SEARCH, &[200, 202]),
        verb("post", "create", Body::Resource, SHAPE, &[200, 201]),
        verb("put", "conditional update", Body::Resource, CRITERIA, &[200, 201]),
        verb("patch", "conditional patch", Body::Patch, CRITERIA, &[200]),
        verb("delete", "conditional delete", Body::None, CRITERIA, &[200, 204])] },
    Path { path: "/fhir/{type}/_search", verbs: &[
        verb("get", "search", Body::None, SEARCH, &[200]),
        verb("post", "search by form", Body::Form, SHAPE, &[200])] },
    Path { path: "/fhir/{type}/_history", verbs: &[verb("get", "history of a type", Body::None, HISTORY, &[200])] },
    Path { path: "/fhir/{type}/{id}", verbs: &[
        verb("get", "read", Body::None, SHAPE, &[200, 304]),
        verb("put", "update, or create by update", Body::Resource, SHAPE, &[200, 201]),
        verb("patch", "patch", Body::Patch, SHAPE, &[200]),
        verb("delete", "delete", Body::None, &[], &[200, 204])] },
    Path { path: "/fhir/{type}/{id}/{of}", verbs: &[verb("get", "search a compartment", Body::None, CRITERIA, &[200])] },
    Path { path: "/fhir/{type}/{id}/{of}/_search", verbs: &[
        verb("get", "search a compartment", Body::None, CRITERIA, &[200]),
        verb("post", "search a compartment by form", Body::Form, SHAPE, &[200])] },
    Path { path: "/fhir/{type}/{id}/_history", verbs: &[verb("get", "history of a resource", Body::None, HISTORY, &[200])] },
    Path { path: "/fhir/{type}/{id}/_history/{version}", verbs: &[verb("get", "read a version", Body::None, SHAPE, &[200, 304])] },
    Path { path: "/fhir/{type}/{id}/_history/{version}/$meta", verbs: &[
        verb("get", "labels of a version", Body::None, SHAPE, &[200]),
        verb("post", "labels of a version", Body::Optional, SHAPE, &[200])] },
    Path { path: "/fhir/$job-status/{id}", verbs: &[
        Verb { media: JOB, ..verb("get", "how far a job is", Body::None, &[], &[200, 202]) },
        verb("delete", "cancel a job", Body::None, &[], &[202])] },
    Path { path: "/fhir/$job-status/{id}/{file}", verbs: &[
        Verb { media: JOB, ..verb("get", "a file of a job", Body::None, &[], &[200]) }] },
    Path { path: "/fhir/$subscription-ws", verbs: &[
        verb("get", "a WebSocket for notifications of Subscriptions", Body::None, &[], &[101])] },
];
