//! The laboratory's feed: results, corrections, cultures, reports in text.

use crate::adt::Visit;
use crate::moment::Moment;
use crate::panels::{ANTIBIOTICS, ORGANISMS, PANELS, Panel};
use crate::person::Person;
use crate::random::Random;
use crate::segments::{Header, Segment, escaped, message, mrn, patient};

/// One specimen's results, which may go out several times: preliminary, final, corrected.
#[derive(Clone)]
pub(crate) struct Order {
    /// Placer and filler number.
    number: u64,
    what: What,
    collected: Moment,
    physician: String,
}

#[derive(Clone)]
enum What {
    /// Index into the panels and the values in steps of the last decimal.
    Panel(usize, Vec<i64>),
    /// Organism and, for each antibiotic, the inhibitory concentration as power of two and S, I or R.
    Culture(usize, Vec<(u32, &'static str)>),
    Report(Vec<String>),
    Serology(u32),
}

/// Which state of an order goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Preliminary,
    Final,
    Corrected,
}

impl State {
    fn code(self) -> &'static str {
        match self {
            Self::Preliminary => "P",
            Self::Final => "F",
            Self::Corrected => "C",
        }
    }
}

impl Order {
    pub(crate) fn new(number: u64, visit: &Visit, collected: Moment, random: &mut Random) -> Self {
        let what = match random.below(100) {
            0..72 => Self::panel(random.below(PANELS.len() as u64) as usize, random),
            72..82 => {
                let organism = random.below(ORGANISMS.len() as u64) as usize;
                let one =
                    |random: &mut Random| (random.below(6) as u32, *random.pick(&["S", "S", "S", "I", "R"]));
                What::Culture(organism, ANTIBIOTICS.iter().map(|_| one(random)).collect())
            }
            82..92 => What::Report(report(random)),
            _ => What::Serology(random.below(5) as u32),
        };
        Self { number, what, collected, physician: visit.physician() }
    }

    /// The metabolic panel: a numeric one, of the kind that a correction can change.
    pub(crate) fn of_first_panel(number: u64, visit: &Visit, collected: Moment, random: &mut Random) -> Self {
        Self { number, what: Self::panel(0, random), collected, physician: visit.physician() }
    }

    fn panel(index: usize, random: &mut Random) -> What {
        let tests = PANELS.get(index).map_or(&[][..], |panel| panel.tests);
        let value = |random: &mut Random, low: i64, high: i64| {
            let spread = (high - low) / 4 + 1;
            random.between((low - spread).max(1), high + spread)
        };
        What::Panel(index, tests.iter().map(|test| value(random, test.low, test.high)).collect())
    }

    /// The same order with its first value changed, as a correction needs.
    pub(crate) fn corrected(&self) -> Self {
        let mut corrected = self.clone();
        if let What::Panel(_, values) = &mut corrected.what
            && let Some(first) = values.first_mut()
        {
            *first += 3;
        }
        corrected
    }

    /// The LOINC code of the first result.
    pub(crate) fn first_code(&self) -> &'static str {
        match &self.what {
            What::Panel(index, _) => {
                PANELS.get(*index).and_then(|panel| panel.tests.first()).map_or("", |test| test.code)
            }
            What::Culture(..) => "630-4",
            What::Report(_) => "18748-4",
            What::Serology(_) => "5048-4",
        }
    }

    /// The result message of one state.
    pub(crate) fn bytes(
        &self,
        person: &Person,
        visit: Option<&Visit>,
        control_id: &str,
        sent: Moment,
        state: State,
    ) -> Vec<u8> {
        // The laboratory knows people by its own number; most often it repeats the hospital's first.
        let own = format!("{}^^^LAB&2.999.10.2&ISO^PI", person.laboratory_number);
        let identifiers = format!("{}~{own}", mrn(&person.mrn));
        let mut segments = vec![patient(person, identifiers)];
        segments.extend(visit.map(Visit::segment));
        self.results(sent, state, &mut segments);
        let header = Header {
            application: "LIS",
            facility: "LAB",
            kind: "ORU^R01^ORU_R01",
            control_id,
            sent,
            version: "2.5.1",
            letters: person.letters,
        };
        message(&header, &segments)
    }

    fn numbers(&self, suffix: &str) -> (String, String) {
        (
            format!("P{}{suffix}^NORTH^2.999.10.1^ISO", self.number),
            format!("F{}{suffix}^LAB^2.999.10.2^ISO", self.number),
        )
    }

    fn request(
        &self,
        nth: usize,
        suffix: &str,
        service: &str,
        section: &str,
        sent: Moment,
        state: State,
    ) -> Segment {
        let (placer, filler) = self.numbers(suffix);
        Segment::new("OBR")
            .set(1, nth.to_string())
            .set(2, placer)
            .set(3, filler)
            .set(4, service)
            .set(7, self.collected.v2_local())
            .set(16, self.physician.clone())
            .set(22, sent.v2_local())
            .set(24, section)
            .set(25, state.code())
    }

    fn common(&self) -> Segment {
        let (placer, filler) = self.numbers("");
        Segment::new("ORC")
            .set(1, "RE")
            .set(2, placer)
            .set(3, filler)
            .set(5, "CM")
            .set(12, self.physician.clone())
    }

    fn results(&self, sent: Moment, state: State, segments: &mut Vec<Segment>) {
        segments.push(self.common());
        match &self.what {
            What::Panel(index, values) => {
                if let Some(panel) = PANELS.get(*index) {
                    self.panel_results(panel, values, sent, state, segments);
                }
            }
            What::Culture(organism, susceptibilities) => {
                self.culture_results(*organism, susceptibilities, sent, state, segments);
            }
            What::Report(lines) => {
                segments.push(self.request(1, "", "18748-4^Diagnostic imaging study^LN", "RAD", sent, state));
                for (row, line) in lines.iter().enumerate() {
                    let result = self.result(row + 1, "TX", "18748-4^Diagnostic imaging study^LN", state);
                    segments.push(result.set(5, escaped(line)));
                }
            }
            What::Serology(power) => {
                segments.push(self.request(
                    1,
                    "",
                    "5048-4^Nuclear Ab [Titer] in Serum^LN",
                    "SR",
                    sent,
                    state,
                ));
                let titer = self.result(1, "SN", "5048-4^Nuclear Ab [Titer] in Serum^LN", state);
                segments.push(titer.set(5, format!("^1^:^{}", 40 << power)));
                let filtration = self.result(2, "SN", "62238-1^Glomerular filtration rate^LN", state);
                segments.push(filtration.set(5, ">^60").set(6, "mL/min/{1.73_m2}^^UCUM").set(7, ">60"));
                let protein = self.result(3, "CWE", "20454-5^Protein [Presence] in Urine^LN", state);
                segments.push(protein.set(5, "260385009^Negative^SCT").set(8, "N"));
                let comment = self.result(4, "ST", "8251-1^Service comment^LN", state);
                segments.push(comment.set(5, escaped("Specimen received late & warm")));
            }
        }
    }

    fn panel_results(
        &self,
        panel: &Panel,
        values: &[i64],
        sent: Moment,
        state: State,
        segments: &mut Vec<Segment>,
    ) {
        let service = format!("{}^{}^LN", panel.code, panel.name);
        segments.push(self.request(1, "", &service, panel.section, sent, state));
        for (row, (test, value)) in panel.tests.iter().zip(values).enumerate() {
            // Only the first value is corrected; the others stay final.
            let row_state = if state == State::Corrected && row > 0 { State::Final } else { state };
            let result = self
                .result(row + 1, "NM", &format!("{}^{}^LN", test.code, test.name), row_state)
                .set(5, test.text(*value))
                .set(6, format!("{}^^UCUM", test.unit))
                .set(7, format!("{}-{}", test.text(test.low), test.text(test.high)))
                .set(8, test.flag(*value));
            segments.push(result);
        }
        if state == State::Corrected {
            segments
                .push(Segment::new("NTE").set(1, "1").set(2, "L").set(3, "Corrected after repeat analysis"));
        }
    }

    /// A culture, and under it the susceptibilities of what grew, tied to it by OBR-26 and OBR-29.
    fn culture_results(
        &self,
        organism: usize,
        susceptibilities: &[(u32, &'static str)],
        sent: Moment,
        state: State,
        segments: &mut Vec<Segment>,
    ) {
        segments.push(self.request(
            1,
            "",
            "630-4^Bacteria identified in Urine by Culture^LN",
            "MB",
            sent,
            state,
        ));
        let (code, name) = ORGANISMS.get(organism).copied().unwrap_or(("112283007", "Escherichia coli"));
        let grown = self.result(1, "CWE", "630-4^Bacteria identified in Urine by Culture^LN", state);
        segments.push(grown.set(4, "1").set(5, format!("{code}^{name}^SCT")));
        if state == State::Preliminary {
            return;
        }
        let parent = format!("630-4&Bacteria identified in Urine by Culture&LN^1^{name}");
        let (placer, filler) = self.numbers("");
        let below = self
            .request(2, "S", "50545-3^Bacterial susceptibility panel^LN", "MB", sent, state)
            .set(26, parent)
            .set(29, format!("{}^{}", placer.replace('^', "&"), filler.replace('^', "&")));
        segments.push(below);
        for (row, ((code, name), (power, answer))) in ANTIBIOTICS.iter().zip(susceptibilities).enumerate() {
            let result = self
                .result(row + 1, "SN", &format!("{code}^{name}^LN"), state)
                .set(5, format!("<=^{}", 1 << power))
                .set(6, "ug/mL^^UCUM")
                .set(8, *answer);
            segments.push(result);
        }
    }

    fn result(&self, row: usize, kind: &str, code: &str, state: State) -> Segment {
        Segment::new("OBX")
            .set(1, row.to_string())
            .set(2, kind)
            .set(3, code)
            .set(11, state.code())
            .set(14, self.collected.v2_local())
    }
}

/// A report of several lines, one of them blank.
fn report(random: &mut Random) -> Vec<String> {
    let finding = *random.pick(&[
        "No acute findings.",
        "Small effusion on the right.",
        "Mild degenerative change | unchanged.",
    ]);
    let lines = [
        "CHEST, TWO VIEWS",
        "",
        "Findings: heart size normal. Lungs clear & well aerated.",
        finding,
        "Impression: stable.",
    ];
    lines.map(str::to_owned).to_vec()
}
