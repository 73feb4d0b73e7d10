//! What of a network the front cannot do, as a network of its own for `rten`.

use std::collections::HashSet;

use rten::{Model, ModelOptions, NodeId, OpRegistry};
use rten_onnx::onnx::{DataType, Dimension, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::Output;
use super::map::Map;
use super::onnx::File;
use crate::image::workers::Worker;

/// Which nodes are left, and the values that they take from the front, in the order of its outputs.
pub(super) struct Left {
    pub(super) nodes: Vec<bool>,
    pub(super) inputs: Vec<String>,
}

/// A network for `rten`.
pub(super) struct Rest {
    model: Model,
    inputs: Vec<NodeId>,
}

impl Rest {
    pub(super) fn load(file: File, left: Left) -> Result<Self, String> {
        let File { mut model, mut graph, .. } = file;
        let mut is_left = left.nodes.into_iter();
        graph.node.retain(|_| is_left.next().unwrap_or(false));
        let taken: HashSet<&String> = graph.node.iter().flat_map(|node| &node.input).collect();
        graph.initializer.retain(|tensor| tensor.name.as_ref().is_some_and(|name| taken.contains(name)));
        graph.value_info.clear();
        graph.input = left.inputs.iter().cloned().map(input).collect();
        model.graph = Some(graph);
        let bytes = model.write_buf().map_err(|error| error.to_string())?;
        let mut options = ModelOptions::with_ops(OpRegistry::with_all_ops());
        options.prepack_weights(true);
        let model = options.load(bytes).map_err(|error| error.to_string())?;
        let ids: Result<_, _> = left.inputs.iter().map(|name| model.node_id(name)).collect();
        Ok(Self { inputs: ids.map_err(|error| error.to_string())?, model })
    }

    pub(super) fn run(&self, maps: Vec<Map>, worker: &mut Worker) -> Result<Output, String> {
        let mut inputs = Vec::new();
        for (id, map) in self.inputs.iter().zip(maps) {
            let shape = [1, map.rows, map.columns, map.channels];
            let tensor = NdTensor::from_data(shape, map.values.into_vec());
            // There the channels are planes.
            inputs.push((*id, tensor.permuted([0, 3, 1, 2]).to_tensor()));
            worker.scratch.give(tensor.into_data());
        }
        let inputs = inputs.iter().map(|(id, tensor)| (*id, tensor.view().into())).collect();
        let output = *self.model.output_ids().first().ok_or_else(|| "it has no output".to_owned())?;
        let outputs = self.model.run_n(inputs, [output], Some(worker.options.clone()));
        let [output] = outputs.map_err(|error| error.to_string())?;
        let output: rten_tensor::Tensor<f32> =
            output.into_tensor().ok_or_else(|| "its output is of another type".to_owned())?;
        Ok(Output { last: output.shape().last().copied().unwrap_or(0), values: output.into_data().into() })
    }
}

/// A picture of any size as a network's input.
fn input(name: String) -> ValueInfoProto {
    let side = |side: &str| Dimension { dim_param: Some(format!("{name} {side}")), ..Dimension::default() };
    let dim = ["pictures", "channels", "rows", "columns"].map(side).to_vec();
    let tensor = TypeProtoTensor { elem_type: Some(DataType::FLOAT), shape: Some(TensorShapeProto { dim }) };
    let kind = TypeProto { tensor_type: Some(tensor), ..TypeProto::default() };
    ValueInfoProto { name: Some(name), r#type: Some(kind) }
}
