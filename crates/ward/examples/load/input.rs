//! What is sent: transaction bundles from files or from the synthetic hospital, and the hospital's HL7 v2 messages.

use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;

use testkit::{Expected, Hospital, Payload};

use crate::Failure;
use crate::arguments::Arguments;

/// Bytes of unpacked bundles.
const BUNDLE_BYTES_MAX: u64 = 4 << 30;

/// Everything to send.
pub(crate) struct Input {
    /// FHIR transaction bundles, as JSON, in order.
    pub(crate) bundles: Vec<Rc<[u8]>>,
    /// HL7 v2 messages of one patient each, in the order in which they must arrive.
    pub(crate) stories: Vec<Vec<Vec<u8>>>,
    /// What it is, in words.
    pub(crate) about: String,
}

impl Input {
    /// Reads or makes what the rows need.
    pub(crate) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let mut input = Self { bundles: Vec::new(), stories: Vec::new(), about: String::new() };
        let hospital = |seed| Hospital::new(seed, arguments.patients);
        if let Some(path) = &arguments.bundles {
            let once = read(path)?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            input.about = format!("{name}, {} bundles, sent {} times", once.len(), arguments.copies);
            for _ in 0..arguments.copies {
                input.bundles.extend(once.iter().cloned());
            }
        } else {
            input.about =
                format!("synthetic hospital, seed {}, {} patients", arguments.seed, arguments.patients);
        }
        let needs_hospital =
            arguments.bundles.is_none() || arguments.wants("mllp") || arguments.wants("parse");
        if !needs_hospital {
            return Ok(input);
        }
        let mut stories = std::collections::BTreeMap::<u64, Vec<Vec<u8>>>::new();
        for delivery in hospital(arguments.seed).into_deliveries() {
            // What must be refused belongs into tests; here every answer has to be a good one.
            if matches!(delivery.expected, Expected::Refused(_)) {
                continue;
            }
            match delivery.payload {
                Payload::Hl7v2(bytes) => stories.entry(delivery.patient).or_default().push(bytes),
                Payload::FhirBundle(bytes)
                    if arguments.bundles.is_none() && delivery.expected == Expected::Committed =>
                {
                    input.bundles.push(bytes.into());
                }
                Payload::FhirBundle(_) => {}
            }
        }
        input.stories = stories.into_values().collect();
        Ok(input)
    }

    /// Bytes of all bundles.
    pub(crate) fn bundle_bytes(&self) -> usize {
        self.bundles.iter().map(|bundle| bundle.len()).sum()
    }
}

fn read(path: &Path) -> Result<Vec<Rc<[u8]>>, Failure> {
    if path.is_dir() {
        let mut names: Vec<_> = std::fs::read_dir(path)?.flatten().map(|entry| entry.path()).collect();
        names.retain(|name| name.extension().is_some_and(|extension| extension == "json"));
        names.sort();
        return names.iter().map(|name| Ok(std::fs::read(name)?.into())).collect();
    }
    let file = std::fs::File::open(path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    let mut text = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).take(BUNDLE_BYTES_MAX).read_to_end(&mut text)?;
    } else {
        file.take(BUNDLE_BYTES_MAX).read_to_end(&mut text)?;
    }
    Ok(text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Rc::from).collect())
}
