//! A network's file: its nodes, which values they take and give, and its constants.

use std::collections::HashMap;

use rten_onnx::onnx::{AttributeProto, DataType, GraphProto, ModelProto, NodeProto, TensorProto};

/// A file, read, with ways to ask about it.
pub(super) struct File {
    pub(super) model: ModelProto,
    pub(super) graph: GraphProto,
    constants: HashMap<String, usize>,
    /// What stands for a value that [Identity] gives.
    same: HashMap<String, String>,
    /// The nodes that take a value.
    takers: HashMap<String, Vec<usize>>,
}

/// A constant of a float type.
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl File {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut model = ModelProto::parse_buf(bytes).map_err(|error| error.to_string())?;
        let mut graph = model.graph.take().ok_or_else(|| "there is no graph in it".to_owned())?;
        let mut same: HashMap<String, String> = HashMap::new();
        let given: Vec<String> = graph.output.iter().filter_map(|value| value.name.clone()).collect();
        let stood_for =
            |same: &HashMap<String, String>, name: &String| same.get(name).unwrap_or(name).clone();
        // They come in an order in which each finds what it takes.
        graph.node.retain_mut(|node| {
            node.input.iter_mut().for_each(|name| *name = stood_for(&same, name));
            let is_same = node.op_type.as_deref() == Some("Identity");
            match (node.input.first(), node.output.first()) {
                (Some(from), Some(to)) if is_same && !given.contains(to) => {
                    same.insert(to.clone(), from.clone());
                    false
                }
                _ => true,
            }
        });
        let names = graph.initializer.iter().enumerate();
        let constants = names.filter_map(|(at, tensor)| Some((tensor.name.clone()?, at))).collect();
        let mut takers: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, node) in graph.node.iter().enumerate() {
            for name in &node.input {
                takers.entry(name.clone()).or_default().push(at);
            }
        }
        Ok(Self { model, graph, constants, same, takers })
    }

    /// What the metadata say.
    pub(super) fn metadata(&self, key: &str) -> Option<String> {
        let mut entries = self.model.metadata_props.iter();
        entries.find(|entry| entry.key.as_deref() == Some(key))?.value.clone()
    }

    /// The name of the picture, if there is one input.
    pub(super) fn picture(&self) -> Option<&str> {
        let is_constant = |name: &str| self.constants.contains_key(name);
        let mut inputs = self.graph.input.iter().filter_map(|value| value.name.as_deref());
        let picture = inputs.find(|name| !is_constant(name))?;
        inputs.all(is_constant).then_some(picture)
    }

    /// The names of the outputs, as nodes give them.
    pub(super) fn outputs(&self) -> impl Iterator<Item = &String> {
        let names = self.graph.output.iter().filter_map(|value| value.name.as_ref());
        names.map(|name| self.same.get(name).unwrap_or(name))
    }

    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    /// A constant of floats.
    pub(super) fn constant(&self, name: &str) -> Option<Constant> {
        let tensor = self.graph.initializer.get(*self.constants.get(name)?)?;
        let shape: Vec<usize> =
            tensor.dims.iter().map(|side| usize::try_from(*side).ok()).collect::<Option<_>>()?;
        let values = floats(tensor)?;
        (shape.iter().product::<usize>() == values.len()).then_some(Constant { shape, values })
    }

    /// The only node that takes a value, if no more than one does and it is not given out.
    pub(super) fn only_taker(&self, name: &str) -> Option<usize> {
        match self.takers(name) {
            [one] if !self.outputs().any(|output| output == name) => Some(*one),
            _ => None,
        }
    }

    /// The node that makes the only output, if it is of a kind, and its input `at`.
    pub(super) fn last(&self, kind: &str, at: usize) -> Option<(usize, String)> {
        let mut outputs = self.outputs();
        let (output, None) = (outputs.next()?, outputs.next()) else { return None };
        let made = self.graph.node.iter().position(|node| node.output.contains(output))?;
        let node = self.node(made).filter(|node| node.kind() == kind)?;
        Some((made, node.input(at)?.to_owned()))
    }

    /// The node that makes a value for one other alone, if it is of a kind, and its first input.
    pub(super) fn maker(&self, name: &str, kind: &str) -> Option<(usize, String)> {
        self.only_taker(name)?;
        let made = self.graph.node.iter().position(|node| node.output.iter().any(|output| output == name))?;
        let node = self.node(made).filter(|node| node.kind() == kind)?;
        Some((made, node.input(0)?.to_owned()))
    }

    /// Takes nodes away, so that a value that they take is the output.
    pub(super) fn end_with(&mut self, name: &str, away: &[usize]) {
        for at in away {
            if let Some(node) = self.graph.node.get_mut(*at) {
                *node = NodeProto::default();
            }
        }
        self.graph.output.truncate(1);
        self.graph.output.iter_mut().for_each(|output| output.name = Some(name.to_owned()));
        self.takers.remove(name);
    }

    pub(super) fn takers(&self, name: &str) -> &[usize] {
        self.takers.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn node(&self, at: usize) -> Option<Node<'_>> {
        self.graph.node.get(at).map(Node)
    }
}

fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type != Some(DataType::FLOAT) || !tensor.external_data.is_empty() {
        return None;
    }
    let Some(raw) = &tensor.raw_data else { return Some(tensor.float_data.clone()) };
    let raw = raw.borrow();
    Some(raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// One node.
#[derive(Clone, Copy)]
pub(super) struct Node<'a>(pub(super) &'a NodeProto);

impl<'a> Node<'a> {
    /// What it does.
    pub(super) fn kind(self) -> &'a str {
        self.0.op_type.as_deref().unwrap_or_default()
    }

    pub(super) fn input(self, at: usize) -> Option<&'a str> {
        self.0.input.get(at).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Its output, if it has one alone.
    pub(super) fn output(self) -> Option<&'a str> {
        match self.0.output.as_slice() {
            [output] => Some(output),
            _ => None,
        }
    }

    fn attribute(self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name.as_deref() == Some(name))
    }

    pub(super) fn float(self, name: &str, otherwise: f32) -> f32 {
        self.attribute(name).and_then(|attribute| attribute.f).unwrap_or(otherwise)
    }

    pub(super) fn integer(self, name: &str, otherwise: i64) -> i64 {
        self.attribute(name).and_then(|attribute| attribute.i).unwrap_or(otherwise)
    }

    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.attribute(name)?.s.as_deref()
    }

    pub(super) fn integers(self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// Counts for rows and columns.
    pub(super) fn pair(self, name: &str, otherwise: (usize, usize)) -> Option<(usize, usize)> {
        match self.integers(name) {
            Some([rows, columns]) => Some((usize::try_from(*rows).ok()?, usize::try_from(*columns).ok()?)),
            Some(_) => None,
            None => Some(otherwise),
        }
    }
}
