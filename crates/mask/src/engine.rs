//! The engine: text in, entities out.

use std::sync::Arc;

use crate::custom::{AllowList, Recogniser};
use crate::gazetteer::Lexicon;
use crate::known::Known;
use crate::patterns::{self, Page};
use crate::tagger::Tagger;
use crate::text::fold::View;
use crate::text::token::{Tokens, tokens};
use crate::text::window::{Window, windows};
use crate::{Entity, names};

mod doubt;
mod merge;
mod profile;
mod propagate;
mod protect;
mod widen;

use propagate::Names;

/// How much work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tier {
    /// Patterns and gazetteers.
    Scan,
    /// These and the tagger.
    #[default]
    Full,
    /// These and what is known of the patient.
    Record,
}

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// 45 CFR 164.514(b)(2): the eighteen identifiers.
    #[default]
    SafeHarbor,
    /// 45 CFR 164.514(e): dates, cities, states and ZIP codes stay.
    LimitedDataset,
    /// Whatever might be one, at the price of precision.
    MaxRecall,
    /// For text that goes into a search: what is not certain stays.
    SearchSafe,
}

/// What is asked of the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'k> {
    /// How much work.
    pub tier: Tier,
    /// What counts.
    pub profile: Profile,
    /// What is known of the people a text is about; searched for in [`Tier::Record`] only.
    pub known: Option<&'k Known>,
}

/// Finds entities. Made once, asked from many threads. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Engine {
    recognisers: Arc<Vec<Recogniser>>,
    allowed: Arc<AllowList>,
}

impl Engine {
    /// The engine with its built-in lists and tagger.
    pub fn new() -> Self {
        Self::default()
    }

    /// The engine with recognisers of the user's own beside what is built in.
    #[must_use]
    pub fn with_recognisers(mut self, recognisers: Vec<Recogniser>) -> Self {
        self.recognisers = Arc::new(recognisers);
        self
    }

    /// The engine with texts that are never entities, whatever else says they are.
    #[must_use]
    pub fn with_allow_list(mut self, allowed: AllowList) -> Self {
        self.allowed = Arc::new(allowed);
        self
    }

    /// Reads the lists and the weights now, not at the first call of [`Engine::find`].
    pub fn warm_up(&self) {
        Lexicon::shared();
        Tagger::shared();
    }

    /// The entities of a text: ascending, none within or across another.
    ///
    /// Any text will do: of any length (it is searched in windows of 256 KiB), in any script, with anything in it. Time grows
    /// with the length alone, memory with the count of entities.
    pub fn find(&self, text: &str, ask: &Ask<'_>) -> Vec<Entity> {
        let windows = windows(text);
        let mut all = Vec::new();
        let mut names = Names::default();
        for window in &windows {
            self.search(text, window, ask, &mut names, &mut all);
        }
        // Names found in one window are looked for in all of them, also in those before it.
        if windows.len() > 1 && !names.is_empty() {
            for window in &windows {
                let view = View::of(text.get(window.shown.clone()).unwrap_or_default());
                let tokens = tokens(&view.text, Lexicon::shared());
                let page = Page { tokens: &tokens, lexicon: Lexicon::shared() };
                let mut found = Vec::new();
                names.find(&page, &mut found);
                protect::protect(&page, &mut found);
                all.extend(outside(&view, window, found));
            }
        }
        // Before merging: a town that may stay must not take the kind of the street that it overlaps.
        profile::keep(&mut all, ask.profile);
        let mut merged = merge::merge(all);
        leave_brackets(text, &mut merged);
        self.allowed.apply(text, &mut merged);
        merged
    }

    /// Searches one window.
    fn search(&self, text: &str, window: &Window, ask: &Ask<'_>, names: &mut Names, all: &mut Vec<Entity>) {
        let shown = text.get(window.shown.clone()).unwrap_or_default();
        let view = View::of(shown);
        let tokens = tokens(&view.text, Lexicon::shared());
        let page = Page { tokens: &tokens, lexicon: Lexicon::shared() };
        let mut found = self.entities(&page, ask);
        names.learn(&page, &found);
        names.find(&page, &mut found);
        protect::protect(&page, &mut found);
        widen::widen(&page, &mut found);
        all.extend(outside(&view, window, found));
    }

    fn entities(&self, page: &Page<'_>, ask: &Ask<'_>) -> Vec<Entity> {
        let mut found = Vec::new();
        patterns::find(page, &mut found);
        names::find(page, &mut found);
        if ask.tier != Tier::Scan {
            Tagger::shared().find(page, &mut found);
        }
        if ask.tier == Tier::Record
            && let Some(known) = ask.known
        {
            known.find(page, &mut found);
        }
        for recogniser in self.recognisers.iter() {
            recogniser.find(page.tokens.text, &mut found);
        }
        found
    }
}

/// Takes a bracket or quote off an entity's end that was opened before it: `(MRN 12345)` keeps its bracket.
fn leave_brackets(text: &str, entities: &mut Vec<Entity>) {
    for entity in entities.iter_mut() {
        loop {
            let covered = text.get(entity.range.clone()).unwrap_or_default();
            let Some(last) = covered.chars().next_back() else { break };
            let opener = match last {
                ')' => '(',
                ']' => '[',
                '}' => '{',
                '"' | '\'' => last,
                '»' => '«',
                '”' => '“',
                _ => break,
            };
            let inside = covered.len() - last.len_utf8();
            if covered.get(..inside).is_some_and(|inside| inside.contains(opener)) {
                break;
            }
            entity.range.end = entity.range.start + inside;
        }
    }
    entities.retain(|entity| !entity.range.is_empty());
}

/// Entities of a window in bytes of the whole text; those that begin outside of its core are left to its neighbour.
fn outside(view: &View<'_>, window: &Window, found: Vec<Entity>) -> impl Iterator<Item = Entity> {
    found.into_iter().filter_map(move |mut entity| {
        let local = view.back(entity.range);
        entity.range = local.start + window.shown.start..local.end + window.shown.start;
        (window.core.contains(&entity.range.start) && !entity.range.is_empty()).then_some(entity)
    })
}

/// The tokens that an entity covers, as indices: first, and the one behind the last.
fn covered(tokens: &Tokens<'_>, entity: &Entity) -> std::ops::Range<usize> {
    let from = tokens.list.partition_point(|token| (token.end as usize) <= entity.range.start);
    let behind = tokens.list.get(from..).unwrap_or_default();
    from..from + behind.iter().take_while(|token| (token.start as usize) < entity.range.end).count()
}
