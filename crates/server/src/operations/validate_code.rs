//! `$validate-code` of a ValueSet or a CodeSystem (R4 valueset-operation-validate-code.html,
//! codesystem-operation-validate-code.html).
//!
//! `result` is `true` or `false` where the question can be decided. Where a code system or value set that it hangs on is not
//! loaded, or only in part, the answer is a 404 that says which.

use std::sync::Arc;

use fhir::json::Value;
use fhir::json_object;
use fhir::terminology::{Against, Coding, Library, Terminology, TerminologyError, Validation, ValueSet};
use repository::{Error, ErrorKind};

use super::parameters::Parameters;
use super::terminology::{Given, Narrowed, Question, Versions, inline, needed};
use crate::reply::Refusal;

/// See the module.
pub(super) struct ValidateCode {
    of_code_system: bool,
    url: Option<String>,
    version: Option<String>,
    inline: Option<Value>,
    codings: Vec<Given>,
    display_language: Option<String>,
    is_abstract_fine: Option<bool>,
}

impl Question for ValidateCode {
    const NAME: &'static str = "validate-code";
    const TYPES: &'static [&'static str] = &["ValueSet", "CodeSystem"];
    const ON_INSTANCE: bool = true;

    fn read(resource_type: &str, of_instance: bool, parameters: &mut Parameters) -> Result<Self, Refusal> {
        let of_code_system = resource_type == "CodeSystem";
        let (parameter, version) =
            if of_code_system { ("codeSystem", "version") } else { ("valueSet", "systemVersion") };
        let url = parameters.text("url")?;
        let inline = inline(parameters, parameter, resource_type)?;
        // Of a code system, `version` is that of the system, which is what is asked.
        let version_of_resource =
            if of_code_system { parameters.text("version")? } else { parameters.text("valueSetVersion")? };
        let mut codings = Given::all(parameters, version)?;
        if let Some(display) = parameters.text("display")? {
            let [only] = codings.as_mut_slice() else {
                return Err(Refusal::invalid("`display` goes with one `code`; codings carry their own"));
            };
            only.display.get_or_insert(display);
        }
        let ways = usize::from(url.is_some()) + usize::from(inline.is_some()) + usize::from(of_instance);
        let told_by_coding =
            of_code_system && ways == 0 && codings.iter().all(|coding| coding.system.is_some());
        if ways != 1 && !told_by_coding {
            let what = format!(
                "one {resource_type}: by `url`, as `{parameter}` in a body, or as `{resource_type}/id`"
            );
            return Err(needed(&what));
        }
        Ok(Self {
            of_code_system,
            url: url.or_else(|| codings.first().filter(|_| told_by_coding)?.system.clone()),
            version: version_of_resource,
            inline,
            codings,
            display_language: parameters.text("displayLanguage")?,
            is_abstract_fine: parameters.boolean("abstract")?,
        })
    }

    fn answer(self, library: &dyn Library, resource: Option<Value>) -> repository::Result<Value> {
        let versions = Versions::default();
        let mut library = Narrowed::new(library, &versions);
        let value = self.inline.or(resource);
        let codings: Vec<Coding<'_>> = self.codings.iter().map(Given::coding).collect();
        let language = self.display_language.as_deref();
        let (url, version) = address(self.url, self.version, value.as_ref())?;
        let answer = if self.of_code_system {
            if let Some(value) = &value
                && library.code_system(&url, version.as_deref()).is_none()
            {
                library.add(value)?;
            }
            let system = library
                .code_system(&url, version.as_deref())
                .ok_or_else(|| TerminologyError::NotLoaded { kind: "CodeSystem", canonical: url.clone() })?;
            let terminology = Terminology::new(&library);
            terminology.validate_code(
                Against::CodeSystem(&system),
                &codings,
                language,
                self.is_abstract_fine,
            )?
        } else {
            let terminology = Terminology::new(&library);
            let value_set = match &value {
                Some(value) => Arc::new(
                    ValueSet::read(value)
                        .map_err(|error| Error::new(ErrorKind::Unprocessable, error.to_string()))?,
                ),
                None => terminology.value_set(&url, version.as_deref())?,
            };
            terminology.validate_code(
                Against::ValueSet(&value_set),
                &codings,
                language,
                self.is_abstract_fine,
            )?
        };
        match answer.open {
            Some(open) => Err(open.into()),
            None => Ok(parameters(&answer)),
        }
    }
}

/// The address that is meant, with the version: the request's, else the resource's own.
fn address(
    url: Option<String>,
    version: Option<String>,
    value: Option<&Value>,
) -> repository::Result<(String, Option<String>)> {
    let own = |key| value.and_then(|value| value.get(key)).and_then(Value::as_str).map(str::to_owned);
    match (url, value) {
        (Some(url), _) => Ok(match url.split_once('|') {
            Some((url, own)) => (url.to_owned(), version.or(Some(own.to_owned()))),
            None => (url, version),
        }),
        (None, Some(_)) => Ok((own("url").unwrap_or_default(), own("version"))),
        (None, None) => Err(Error::not_found()),
    }
}

fn parameters(answer: &Validation) -> Value {
    let mut parameters = vec![json_object! { "name": "result", "valueBoolean": answer.result }];
    let texts = [("message", &answer.message), ("display", &answer.display), ("version", &answer.version)];
    for (name, text) in texts {
        if let Some(text) = text {
            parameters.push(json_object! { "name": name, "valueString": text.as_str() });
        }
    }
    if let Some(system) = &answer.system {
        parameters.push(json_object! { "name": "system", "valueUri": system.as_str() });
    }
    if let Some(code) = &answer.code {
        parameters.push(json_object! { "name": "code", "valueCode": code.as_str() });
    }
    json_object! { "resourceType": "Parameters", "parameter": parameters }
}
