//! Pages of search results and histories, put together from finished bytes: stored bodies are copied, not written anew.

use fhir::json::Value;
use fhir::outcome::{Issue, IssueType, Outcome, Severity};
use fhir::search::query::PAGE_PARAMETER;
use repository::{Effect, HistoryPage, SearchMode, SearchPage};

use super::form::{self, Pairs};

/// The Bundle of one search page (R4 3.1.1.5).
///
/// `own` is the query string of the page's own link. Links to other pages hold a sealed token and nothing else, so that no
/// value of the search gets into logs and histories on their way.
pub(crate) fn searchset(base: &str, path: &str, own: &str, page: SearchPage) -> Vec<u8> {
    let size: usize = page.entries.iter().map(|entry| entry.versioned.body.len() + 160).sum();
    let mut out = Writer::new("searchset", size + 512);
    if let Some(total) = page.total {
        out.text(&format!(",\"total\":{total}"));
    }
    let link = |query: &str| {
        let mark = if query.is_empty() { "" } else { "?" };
        let slash = if path.is_empty() { "" } else { "/" };
        format!("{base}{slash}{path}{mark}{query}")
    };
    let mut links = vec![("self", link(own))];
    links.extend(page.next.as_deref().map(|token| ("next", link(&page_query(token)))));
    links.extend(page.previous.as_deref().map(|token| ("previous", link(&page_query(token)))));
    out.links(&links);
    for entry in &page.entries {
        let mode = match entry.mode {
            SearchMode::Match => "match",
            SearchMode::Include => "include",
        };
        let (found, one) = (&entry.versioned, format!(",\"search\":{{\"mode\":\"{mode}\"}}"));
        let mut url = Some(format!("{base}/{}/{}", found.resource_type, found.id));
        if let Some(id) = &entry.contained {
            // R4 3.1.1.4.13: the URL of the container, then the id within it. Without an id there is no URL for it alone.
            url = url.filter(|_| !id.is_empty()).map(|url| format!("{url}#{id}"));
        }
        out.entry(url.as_deref(), Some(&found.body), &one);
    }
    let mut issues = page.issues;
    issues.extend(page.explain.map(|plan| {
        Issue::new(
            Severity::Information,
            IssueType::Informational,
            String::from_utf8_lossy(&plan.to_vec()).into_owned(),
        )
    }));
    if !issues.is_empty() {
        let outcome = Outcome { issues }.to_json().to_vec();
        out.entry(None, Some(&outcome), ",\"search\":{\"mode\":\"outcome\"}");
    }
    out.finish()
}

/// The query string of a link to a page of a search.
pub(crate) fn page_query(token: &str) -> String {
    form::encode([(PAGE_PARAMETER, token)])
}

/// The Bundle of one history page (R4 3.1.0.12).
pub(crate) fn history(base: &str, path: &str, pairs: &Pairs, page: HistoryPage) -> Vec<u8> {
    let size: usize = page.entries.iter().map(|entry| entry.versioned.body.len() + 320).sum();
    let mut out = Writer::new("history", size + 512);
    if let Some(total) = page.total {
        out.text(&format!(",\"total\":{total}"));
    }
    let given = || pairs.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let link = |query: String| {
        if query.is_empty() { format!("{base}/{path}") } else { format!("{base}/{path}?{query}") }
    };
    let mut links = vec![("self", link(form::encode(given())))];
    if let Some(token) = &page.next {
        let others = given().filter(|(name, _)| *name != PAGE_PARAMETER);
        links.push(("next", link(form::encode(others.chain([(PAGE_PARAMETER, token.as_str())])))));
    }
    out.links(&links);
    for entry in &page.entries {
        let version = &entry.versioned;
        let (method, status) = match entry.effect {
            Effect::Created => ("PUT", "201 Created"),
            Effect::Deleted | Effect::AlreadyDeleted => ("DELETE", "204 No Content"),
            _ => ("PUT", "200 OK"),
        };
        let target = version.path();
        let facts = format!(
            ",\"request\":{{\"method\":\"{method}\",\"url\":\"{target}\"}},\"response\":{{\"status\":\"{status}\",\
             \"etag\":\"W/\\\"{}\\\"\",\"lastModified\":\"{}\"}}",
            version.version,
            version.last_updated(),
        );
        let body = (!version.deleted).then_some(version.body.as_slice());
        out.entry(Some(&format!("{base}/{target}")), body, &facts);
    }
    out.finish()
}

/// Writes a Bundle from the front: members, links, then entries.
pub(crate) struct Writer {
    out: Vec<u8>,
    entries: usize,
}

impl Writer {
    pub(crate) fn new(kind: &str, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(capacity);
        out.extend_from_slice(format!("{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\"").as_bytes());
        Self { out, entries: 0 }
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn quoted(&mut self, text: &str) {
        Value::from(text).write_to(&mut self.out);
    }

    fn links(&mut self, links: &[(&str, String)]) {
        for (index, (relation, url)) in links.iter().enumerate() {
            self.text(if index == 0 { ",\"link\":[" } else { "," });
            self.text(&format!("{{\"relation\":\"{relation}\",\"url\":"));
            self.quoted(url);
            self.text("}");
        }
        self.text("]");
    }

    /// One entry; `facts` is what follows the resource, beginning with a comma.
    pub(crate) fn entry(&mut self, full_url: Option<&str>, resource: Option<&[u8]>, facts: &str) {
        self.text(if self.entries == 0 { ",\"entry\":[{" } else { ",{" });
        self.entries += 1;
        let mut comma = "";
        if let Some(url) = full_url {
            self.text("\"fullUrl\":");
            self.quoted(url);
            comma = ",";
        }
        if let Some(body) = resource {
            self.text(comma);
            self.text("\"resource\":");
            self.out.extend_from_slice(body);
        }
        self.text(facts);
        self.text("}");
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        // An empty array is not valid FHIR: without entries the member is left out.
        if self.entries > 0 {
            self.text("]");
        }
        self.text("}");
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_other_pages_hold_the_token_alone() {
        let page = SearchPage {
            next: Some("tokenA".to_owned()),
            previous: Some("tokenB".to_owned()),
            ..SearchPage::default()
        };
        let body = searchset("https://h/fhir", "Patient", "family=Muster&_count=2", page);
        let value = fhir::json::parse(&body, &fhir::json::Limits::default()).unwrap();
        assert_eq!(fhir::validate::validate(&value), []);
        let links: Vec<(&str, &str)> = value
            .get("link")
            .map(Value::elements)
            .unwrap_or_default()
            .iter()
            .map(|link| {
                ["relation", "url"].map(|name| link.get(name).and_then(Value::as_str).unwrap()).into()
            })
            .collect();
        assert_eq!(
            links,
            [
                ("self", "https://h/fhir/Patient?family=Muster&_count=2"),
                ("next", "https://h/fhir/Patient?_page=tokenA"),
                ("previous", "https://h/fhir/Patient?_page=tokenB"),
            ]
        );
    }
}
