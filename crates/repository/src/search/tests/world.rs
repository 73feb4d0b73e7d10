//! A store in memory: resources go in as the applier would put them, searches run as `Access` would run them.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use fhir::json::Value;
use fhir::search::query::{self, Query};
use fhir::search::{Registry, patient_compartment};
use fhir::terminology::{CodeSystem, ConceptMap, Library, Loaded, ValueSet, core};
use storage::clock::SeededRandom;
use storage::engine::{Batch, Engine, KeyRange, MemoryEngine, Space};
use storage::fault::FaultDisk;
use storage::keys::{KeyRing, RootKey, TenantId};

use crate::layout;
use crate::search::run::Matches;
use crate::search::{
    Beginnings, Bounds, Codes, Dictionaries, Indexed, Postings, Search, SearchError, SearchLimits,
    TermChange, Terms, Tokens,
};

pub(super) const TENANT: u32 = 1;
pub(super) const NOW_MS: i64 = 1_700_000_000_000;

/// A resource as it stands.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) number: u64,
    pub(super) resource: Value,
    pub(super) updated_ms: i64,
    /// 0, or one more than its place in the resource of that number, which contains it.
    pub(super) within: u32,
}

impl Stored {
    /// The same with something else in place of the contained resources of types that are not visible.
    pub(super) fn veiled(&self, is_visible: &dyn Fn(&str) -> bool) -> Self {
        let mut veiled = self.clone();
        if let Some(Value::Array(all)) =
            veiled.resource.as_object_mut().and_then(|object| object.get_mut("contained"))
        {
            for one in all.iter_mut().filter(|one| !is_visible(one.resource_type().unwrap())) {
                let id = one.get("id").and_then(Value::as_str).unwrap_or_default();
                *one = fhir::json::object([("resourceType", Value::from("Basic")), ("id", Value::from(id))]);
            }
        }
        veiled
    }

    /// The resources that it contains, with its number and time.
    pub(super) fn contained(&self) -> impl Iterator<Item = Self> + '_ {
        let contained = self.resource.get("contained").map(Value::elements).unwrap_or_default();
        (1..).zip(contained).map(|(within, resource)| Self { resource: resource.clone(), within, ..*self })
    }
}

pub(super) struct World {
    pub(super) engine: Box<dyn Engine>,
    pub(super) codes: Codes,
    pub(super) dictionaries: Arc<Dictionaries>,
    postings: Postings,
    pub(super) ids: HashMap<(u16, String), u64>,
    /// By type and id.
    pub(super) stored: BTreeMap<(String, String), Stored>,
    pub(super) limits: SearchLimits,
}

pub(super) fn ring() -> Arc<KeyRing> {
    static RING: OnceLock<Arc<KeyRing>> = OnceLock::new();
    Arc::clone(RING.get_or_init(|| {
        let random = Arc::new(SeededRandom::new(7));
        let root = RootKey::generate(random.as_ref());
        let disk = Arc::new(FaultDisk::new(7));
        Arc::new(KeyRing::create(disk, Path::new("/keys"), root, random).unwrap())
    }))
}

/// Two code systems, one with a hierarchy, and value sets of them; behind them those of the standard.
struct Shelf(Loaded);

fn library() -> Arc<dyn Library> {
    static SHELF: OnceLock<Arc<Shelf>> = OnceLock::new();
    let shelf = SHELF.get_or_init(|| {
        let mut loaded = Loaded::new();
        for text in [
            r#"{"resourceType":"CodeSystem","url":"http://a.example","status":"active","content":"complete","caseSensitive":true,
                "concept":[{"code":"x1","concept":[{"code":"y2","concept":[{"code":"z3"}]}]}]}"#,
            r#"{"resourceType":"CodeSystem","url":"http://b.example","status":"active","content":"complete","caseSensitive":true,
                "concept":[{"code":"x1"},{"code":"y2"},{"code":"z3"}]}"#,
            r#"{"resourceType":"ValueSet","url":"http://v.example/small","status":"active","compose":{"include":[
                {"system":"http://a.example","concept":[{"code":"x1"},{"code":"z3"}]}]}}"#,
            r#"{"resourceType":"ValueSet","url":"http://v.example/all-b","status":"active","compose":{"include":[
                {"system":"http://b.example"}]}}"#,
        ] {
            loaded.add(&fhir::json::parse(text.as_bytes(), &fhir::json::Limits::default()).unwrap()).unwrap();
        }
        Arc::new(Shelf(loaded))
    });
    Arc::clone(shelf) as Arc<dyn Library>
}

impl Library for Shelf {
    fn code_system(&self, url: &str, version: Option<&str>) -> Option<Arc<CodeSystem>> {
        self.0.code_system(url, version).or_else(|| core().code_system(url, version))
    }

    fn value_set(&self, url: &str, version: Option<&str>) -> Option<Arc<ValueSet>> {
        self.0.value_set(url, version).or_else(|| core().value_set(url, version))
    }

    fn concept_map(&self, _: &str, _: Option<&str>) -> Option<Arc<ConceptMap>> {
        None
    }

    fn concept_maps(&self) -> Vec<Arc<ConceptMap>> {
        Vec::new()
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::on(Box::new(MemoryEngine::new(layout::SPACES).unwrap()))
    }

    pub(super) fn on(engine: Box<dyn Engine>) -> Self {
        let dictionaries = Arc::new(Dictionaries::new(ring()));
        Self {
            engine,
            codes: Codes::new(ring().index_key(TenantId(TENANT)).unwrap()),
            postings: Postings::new(Arc::clone(&dictionaries)),
            dictionaries,
            ids: HashMap::new(),
            stored: BTreeMap::new(),
            limits: SearchLimits { steps_max: 50_000_000, ..SearchLimits::default() },
        }
    }

    /// The number of an id, a new one if need be.
    pub(super) fn number(&mut self, type_code: u16, id: &str) -> u64 {
        let next = self.ids.len() as u64 + 1;
        *self.ids.entry((type_code, id.to_owned())).or_insert(next)
    }

    pub(super) fn put(&mut self, resource: Value, updated_ms: i64) {
        let kind = resource.resource_type().unwrap().to_owned();
        let id = resource.get("id").unwrap().as_str().unwrap().to_owned();
        self.change(&kind, &id, Some((resource, updated_ms)));
    }

    pub(super) fn delete(&mut self, kind: &str, id: &str) {
        self.change(kind, id, None);
    }

    fn change(&mut self, kind: &str, id: &str, new: Option<(Value, i64)>) {
        let type_code = layout::type_code(kind).unwrap();
        let number = self.number(type_code, id);
        let key = (kind.to_owned(), id.to_owned());
        let old = self.stored.get(&key).cloned();
        let mut prepare = |resource: &Value| {
            let patients: Vec<u64> = patient_compartment(resource)
                .iter()
                .map(|patient| self.number(layout::type_code("Patient").unwrap(), patient))
                .collect();
            let terms = Terms::prepare(&self.codes, Registry::base(), type_code, resource);
            (terms.with_contained(&self.codes, resource), patients)
        };
        let before = old.as_ref().map(|old| (prepare(&old.resource), old.updated_ms));
        let after = new.as_ref().map(|(resource, updated_ms)| (prepare(resource), *updated_ms));
        let indexed = |side: &Option<((Terms, Vec<u64>), i64)>| -> Option<Indexed<'static>> {
            // Tests may leak: the borrow checker need not follow two optional tuples here.
            side.clone().map(|((terms, patients), updated_ms)| Indexed {
                terms: Box::leak(Box::new(terms)),
                updated_ms,
                patients: Box::leak(patients.into_boxed_slice()),
            })
        };
        let change = TermChange {
            tenant: TENANT,
            codes: &self.codes,
            type_code,
            number,
            old: indexed(&before),
            new: indexed(&after),
        };
        let mut batch = Batch::new();
        let ids = &mut self.ids;
        let mut number_of = |type_code: u16, id: &str| -> Result<u64, SearchError> {
            let next = ids.len() as u64 + 1;
            Ok(*ids.entry((type_code, id.to_owned())).or_insert(next))
        };
        self.postings.replace(self.engine.as_ref(), &mut batch, &change, &mut number_of).unwrap();
        self.postings.finish(self.engine.as_ref(), &mut batch).unwrap();
        self.engine.write(batch).unwrap();
        match new {
            Some((resource, updated_ms)) => {
                self.stored.insert(key, Stored { number, resource, updated_ms, within: 0 });
            }
            None => {
                self.stored.remove(&key);
            }
        }
    }

    /// A world that got only the resources that stand now, each once, with the numbers and texts of this one.
    pub(super) fn rebuilt(&self) -> Self {
        let mut fresh = Self::new();
        let mut batch = Batch::new();
        for (key, value) in self.rows(layout::DICTIONARY) {
            batch.put(layout::DICTIONARY, key, value);
        }
        fresh.engine.write(batch).unwrap();
        fresh.ids = self.ids.clone();
        for stored in self.stored.values() {
            fresh.put(stored.resource.clone(), stored.updated_ms);
        }
        fresh
    }

    pub(super) fn rows(&self, space: Space) -> Vec<(Vec<u8>, Vec<u8>)> {
        let scan = self.engine.scan(space, KeyRange::all(), storage::engine::Direction::Forward);
        scan.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect()
    }

    pub(super) fn query(resource_type: &str, pairs: &[(String, String)]) -> Query {
        query::parse(Registry::base(), resource_type, pairs, false, &query::Limits::default())
            .unwrap_or_else(|issues| panic!("{resource_type}? {pairs:?}: {issues:?}"))
    }

    pub(super) fn run(&self, query: &Query, bounds: &Bounds) -> Result<Matches, SearchError> {
        self.run_at(query, &Beginnings::default(), bounds)
    }

    fn run_at(&self, query: &Query, at: &Beginnings, bounds: &Bounds) -> Result<Matches, SearchError> {
        let ring = ring();
        let tokens = Tokens::new(TENANT, ring.as_ref(), b"caller", &query.resource_type);
        self.look(bounds, |search| search.run(query, at, &tokens))
    }

    /// The page of a token, for a caller.
    pub(super) fn page(
        &self,
        resource_type: &str,
        token: &str,
        (tenant, caller): (u32, &str),
        bounds: &Bounds,
    ) -> Result<Matches, SearchError> {
        let ring = ring();
        let tokens = Tokens::new(tenant, ring.as_ref(), caller.as_bytes(), resource_type);
        let (pairs, at) = tokens.open(token)?;
        self.run_at(&Self::query(resource_type, &pairs), &at, bounds)
    }

    /// As [`Self::all_found`], of several types; in the order in which they come.
    pub(super) fn all_across(&self, asked: &query::Across) -> Vec<(u64, u32)> {
        let ring = ring();
        let tokens = Tokens::new(TENANT, ring.as_ref(), b"caller", "/");
        let (mut found, mut at) = (Vec::new(), Beginnings::default());
        loop {
            let page = self
                .look(&Bounds::everything(), |search| {
                    search.run_across(&asked.queries, &asked.used, &at, &tokens)
                })
                .unwrap();
            found.extend(page.matches.iter().map(|found| (found.number, found.within)));
            match page.links.next {
                Some(token) => (_, at) = tokens.open(&token).unwrap(),
                None => return found,
            }
        }
    }

    /// Calls `work` with a search on a snapshot.
    pub(super) fn look<T>(&self, bounds: &Bounds, work: impl FnOnce(&Search<'_>) -> T) -> T {
        let snapshot = self.engine.snapshot();
        let ids = |type_code: u16, id: &str| Ok(self.ids.get(&(type_code, id.to_owned())).copied());
        let bodies = |type_code: u16, number: u64| {
            let found = self.stored.iter().find(|((kind, _), stored)| {
                layout::type_code(kind) == Some(type_code) && stored.number == number
            });
            Ok(found.map(|(_, stored)| stored.resource.clone()))
        };
        let search = Search {
            registry: Registry::base(),
            reader: snapshot.as_ref(),
            newest: self.engine.as_ref(),
            tenant: TENANT,
            codes: &self.codes,
            dictionaries: &self.dictionaries,
            ids: &ids,
            bodies: &bodies,
            terminology: &|| Ok(library()),
            bounds,
            limits: &self.limits,
            now_ms: NOW_MS,
            base: Some("https://ward.example/fhir"),
            steps: Cell::new(0),
        };
        work(&search)
    }

    /// The numbers of all matches in order, page by page; checks the pages on the way.
    pub(super) fn all(&self, query: &Query, bounds: &Bounds) -> Vec<u64> {
        self.all_found(query, bounds).into_iter().map(|(number, _)| number).collect()
    }

    /// The same, with the places of what is contained.
    pub(super) fn all_found(&self, query: &Query, bounds: &Bounds) -> Vec<(u64, u32)> {
        let page_of =
            |token: &str| self.page(&query.resource_type, token, (TENANT, "caller"), bounds).unwrap();
        let mut page = self.run(query, bounds).unwrap();
        let mut numbers = Vec::new();
        let mut pages: Vec<Matches> = Vec::new();
        loop {
            numbers.extend(page.matches.iter().map(|found| (found.number, found.within)));
            let next = page.links.next.clone();
            if let (Some(before), Some(token)) = (pages.last(), &page.links.previous) {
                assert_eq!(page_of(token).matches, before.matches, "the page before");
            }
            assert_eq!(page.links.previous.is_some(), !pages.is_empty());
            pages.push(page);
            match next {
                Some(token) => page = page_of(&token),
                None => break,
            }
            assert!(pages.len() < 10_000, "pages end");
        }
        // Any order will do where none is asked for; one that comes twice still shows.
        if query.sort.is_empty() {
            numbers.sort_unstable();
        }
        numbers
    }
}
