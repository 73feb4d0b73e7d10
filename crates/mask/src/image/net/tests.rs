//! Networks run here against the same run by `rten` alone.

use std::cell::RefCell;
use std::path::PathBuf;

use rten::{Model, ModelOptions, OpRegistry};
use rten_onnx::onnx::{
    AttributeProto, DataType, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::*;

/// A number from 0 to 1 that looks like chance.
fn number(seed: usize) -> f32 {
    let mixed = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1 << 24) as f32
}

/// Writes a network node by node.
#[derive(Default)]
struct Writer {
    graph: GraphProto,
}

enum With {
    Integer(&'static str, i64),
    Integers(&'static str, Vec<i64>),
    Float(&'static str, f32),
    Text(&'static str, &'static str),
}
use With::{Float, Integer, Integers, Text};

impl Writer {
    fn constant(&mut self, shape: &[usize], value: impl Fn(usize) -> f32) -> String {
        let name = format!("constant {}", self.graph.initializer.len());
        let count = shape.iter().product();
        let raw = (0..count).flat_map(|at| value(at).to_le_bytes()).collect();
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|side| *side as i64).collect(),
            data_type: Some(DataType::FLOAT),
            raw_data: Some(RefCell::new(raw)),
            name: Some(name.clone()),
            ..TensorProto::default()
        });
        name
    }

    /// Weights of about the size that keeps values as large as they are.
    fn weights(&mut self, shape: &[usize]) -> String {
        let (seed, all) =
            (self.graph.initializer.len() * 7_000, shape.iter().skip(1).product::<usize>() as f32);
        self.constant(shape, move |at| (number(seed + at) - 0.5) * 3.4 / all.sqrt())
    }

    fn node(&mut self, kind: &str, inputs: &[&str], with: Vec<With>) -> String {
        let name = format!("value {}", self.graph.node.len());
        let attribute = with.into_iter().map(|with| match with {
            Integer(name, i) => AttributeProto { name: Some(name.into()), i: Some(i), ..attribute(2) },
            Integers(name, ints) => AttributeProto { name: Some(name.into()), ints, ..attribute(7) },
            Float(name, f) => AttributeProto { name: Some(name.into()), f: Some(f), ..attribute(1) },
            Text(name, s) => AttributeProto { name: Some(name.into()), s: Some(s.into()), ..attribute(3) },
        });
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![name.clone()],
            op_type: Some(kind.into()),
            attribute: attribute.collect(),
            ..NodeProto::default()
        });
        name
    }

    fn convolution(&mut self, input: &str, shape: [usize; 4], mut with: Vec<With>) -> String {
        let weights = self.weights(&shape);
        with.push(Integers("kernel_shape", vec![shape[2] as i64, shape[3] as i64]));
        self.node("Conv", &[input, &weights], with)
    }

    fn bias(&mut self, input: &str, channels: usize) -> String {
        let bias = self.constant(&[1, channels, 1, 1], |at| number(at) - 0.5);
        self.node("Add", &[&bias, input], vec![])
    }

    fn gelu(&mut self, input: &str) -> String {
        let [root, one, half] =
            [std::f32::consts::SQRT_2, 1.0, 0.5].map(|value| self.constant(&[], |_| value));
        let part = self.node("Div", &[input, &root], vec![]);
        let part = self.node("Erf", &[&part], vec![]);
        let part = self.node("Add", &[&part, &one], vec![]);
        let part = self.node("Mul", &[input, &part], vec![]);
        self.node("Mul", &[&part, &half], vec![])
    }

    fn bytes(mut self, output: &str) -> Vec<u8> {
        let value = |name: &str, dim: Vec<Dimension>| {
            let shape = Some(TensorShapeProto { dim });
            let tensor_type = Some(TypeProtoTensor { elem_type: Some(DataType::FLOAT), shape });
            ValueInfoProto {
                name: Some(name.into()),
                r#type: Some(TypeProto { tensor_type, sequence: None }),
            }
        };
        let side = |side: &str| Dimension { dim_param: Some(side.into()), dim_value: None };
        let channels = Dimension { dim_value: Some(3), dim_param: None };
        self.graph.input = vec![value("x", vec![side("n"), channels, side("h"), side("w")])];
        self.graph.output = vec![value(output, vec![])];
        let version = OperatorSetIdProto { version: Some(11), ..OperatorSetIdProto::default() };
        let model = ModelProto {
            ir_version: Some(7),
            graph: Some(self.graph),
            opset_import: vec![version],
            ..ModelProto::default()
        };
        model.write_buf().unwrap()
    }
}

fn attribute(kind: i32) -> AttributeProto {
    AttributeProto { r#type: Some(rten_onnx::onnx::AttributeType(kind)), ..AttributeProto::default() }
}

fn padded(pads: [i64; 4], strides: [i64; 2], group: i64) -> Vec<With> {
    vec![Integers("pads", pads.to_vec()), Integers("strides", strides.to_vec()), Integer("group", group)]
}

fn same(strides: [i64; 2]) -> Vec<With> {
    vec![Text("auto_pad", "SAME_UPPER"), Integers("strides", strides.to_vec())]
}

/// Every operation that is known here; gives 64 channels.
fn body(net: &mut Writer) -> String {
    let stem = net.convolution("x", [16, 3, 3, 3], padded([1; 4], [2, 2], 1));
    let stem = net.bias(&stem, 16);
    let stem = net.node("Identity", &[&stem], vec![]);
    let stem = net.node("Relu", &[&stem], vec![]);
    let left = net.convolution(&stem, [16, 16, 2, 2], same([1, 1]));
    let parts = [1.0, 0.1, 0.2, 1.5].map(|more| net.constant(&[16], |at| more + 0.2 * number(at)));
    let left = net.node("BatchNormalization", &[&left, &parts[0], &parts[1], &parts[2], &parts[3]], vec![]);
    let gate = net.node("Sigmoid", &[&left], vec![]);
    let left = net.node("Mul", &[&left, &gate], vec![]);
    let mut pool = same([1, 1]);
    pool.push(Integers("kernel_shape", vec![2, 2]));
    let right = net.node("MaxPool", &[&stem], pool);
    let both = net.node("Concat", &[&left, &right], vec![Integer("axis", 1)]);
    let wide = net.convolution(&both, [64, 32, 1, 1], vec![]);
    let wide = net.bias(&wide, 64);
    let wide = net.gelu(&wide);
    // This one is of a size that is rounded.
    let wide = net.convolution(&wide, [64, 64, 1, 1], vec![]);
    let each = net.convolution(&wide, [64, 1, 3, 3], padded([1; 4], [2, 1], 64));
    let each = net.bias(&each, 64);
    let mean = net.node("ReduceMean", &[&each], vec![Integers("axes", vec![2, 3]), Integer("keepdims", 1)]);
    let squeezed = net.convolution(&mean, [8, 64, 1, 1], vec![]);
    let squeezed = net.node("Relu", &[&squeezed], vec![]);
    let gate = net.convolution(&squeezed, [64, 8, 1, 1], vec![]);
    let gate = net.node("HardSigmoid", &[&gate], vec![Float("alpha", 0.3), Float("beta", 0.4)]);
    let scaled = net.node("Mul", &[&each, &gate], vec![]);
    let sum = net.node("Add", &[&each, &scaled], vec![]);
    let (region, scales) =
        (net.constant(&[0], |_| 0.0), net.constant(&[4], |at| if at < 2 { 1.0 } else { 2.0 }));
    let how = vec![
        Text("mode", "nearest"),
        Text("coordinate_transformation_mode", "asymmetric"),
        Text("nearest_mode", "floor"),
    ];
    let large = net.node("Resize", &[&sum, &region, &scales], how);
    let window = vec![Integers("kernel_shape", vec![3, 2]), Integers("strides", vec![3, 2])];
    net.node("AveragePool", &[&large], window)
}

fn picture(rows: usize, columns: usize) -> Map {
    let values: Vec<f32> = (0..rows * columns * 3).map(|at| number(at * 3 + 1) * 2.0 - 1.0).collect();
    Map { rows, columns, channels: 3, values: values.into() }
}

/// What `rten` gives: the axes' lengths and the values.
fn reference(bytes: &[u8], picture: &Map) -> (Vec<usize>, Vec<f32>) {
    let model: Model = ModelOptions::with_ops(OpRegistry::with_all_ops()).load(bytes.to_vec()).unwrap();
    let shape = [1, picture.rows, picture.columns, 3];
    let tensor = NdTensor::from_data(shape, picture.values.to_vec());
    let planes = tensor.permuted([0, 3, 1, 2]).to_tensor();
    let output: rten_tensor::Tensor<f32> =
        model.run_one(planes.view().into(), None).unwrap().into_tensor().unwrap();
    (output.shape().to_vec(), output.to_vec())
}

/// The mean difference as a share of the mean value.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let apart: f32 = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).sum();
    apart / expected.iter().map(|value| value.abs()).sum::<f32>()
}

#[test]
fn every_operation_gives_what_rten_gives() {
    let mut net = Writer::default();
    let body = body(&mut net);
    let weights = net.weights(&[64, 1, 2, 2]);
    let how = vec![Integers("kernel_shape", vec![2, 2]), Integers("strides", vec![2, 2])];
    let spread = net.node("ConvTranspose", &[&body, &weights], how);
    let spread = net.bias(&spread, 1);
    let output = net.node("Sigmoid", &[&spread], vec![]);
    let bytes = net.bytes(&output);
    let net = Net::load("test", &bytes).unwrap();
    assert!(net.rest.is_none() && net.head.is_none(), "all of it is known");
    let mut worker = Worker::default();
    for (rows, columns) in [(48, 96), (33, 47), (12, 200), (31, 8)] {
        let picture = picture(rows, columns);
        let (_, expected) = reference(&bytes, &picture);
        let found = net.run(picture, &mut worker).unwrap();
        let difference = difference(&found.values, &expected);
        assert!(difference < 0.01, "{rows} x {columns}: {difference}");
    }
    // Too small for its windows, and not of three channels.
    assert!(net.run(picture(1, 1), &mut worker).is_err());
    let grey = Map { rows: 20, columns: 20, channels: 1, values: vec![0.0; 400].into() };
    assert!(matches!(net.pixels(grey, &mut worker), Err(ImageError::Run { model: "test", .. })));
}

/// A convolution to four times the channels and back.
fn there_and_back(net: &mut Writer, input: &str, channels: usize) -> String {
    let wide = net.convolution(input, [4 * channels, channels, 1, 1], vec![]);
    let wide = net.gelu(&wide);
    net.convolution(&wide, [channels, 4 * channels, 1, 1], vec![])
}

#[test]
fn what_is_joined_gives_what_rten_gives() {
    let mut net = Writer::default();
    let first = net.convolution("x", [20, 3, 3, 3], padded([1; 4], [1, 1], 1));
    let first = net.node("Relu", &[&first], vec![]);
    let other = net.convolution(&first, [20, 1, 5, 5], padded([2; 4], [1, 1], 20));
    let pair = there_and_back(&mut net, &other, 20);
    // A sum with what it is made of, from either side.
    let sum = net.node("Add", &[&pair, &other], vec![]);
    let pair = there_and_back(&mut net, &sum, 20);
    let sum = net.node("Add", &[&sum, &pair], vec![]);
    // One pixel is added to all.
    let mean = net.node("GlobalAveragePool", &[&sum], vec![]);
    let mean = there_and_back(&mut net, &mean, 20);
    let shifted = net.node("Add", &[&sum, &mean], vec![]);
    let turned = net.node("Add", &[&shifted, &mean], vec![]);
    // Side by side under a window, and a third that is also taken elsewhere.
    let narrow = net.convolution(&turned, [7, 20, 1, 1], vec![]);
    let sides = net.node("Concat", &[&narrow, &first, &other], vec![Integer("axis", 1)]);
    let under = net.convolution(&sides, [32, 47, 3, 3], padded([1; 4], [2, 2], 1));
    let twice = net.convolution(&under, [32, 32, 1, 1], vec![]);
    let doubled = net.node("Add", &[&twice, &twice], vec![]);
    let again = net.node("Concat", &[&doubled, &under], vec![Integer("axis", 1)]);
    let again_pooled = net.node("GlobalAveragePool", &[&again], vec![]);
    let scaled = net.node("Mul", &[&again, &again_pooled], vec![]);
    let output = net.convolution(&scaled, [5, 64, 1, 1], vec![]);
    let bytes = net.bytes(&output);
    let net = Net::load("test", &bytes).unwrap();
    assert!(net.rest.is_none(), "all of it is known");
    let mut worker = Worker::default();
    for (rows, columns) in [(40, 61), (9, 300), (3, 3), (24, 2)] {
        let picture = picture(rows, columns);
        let (_, expected) = reference(&bytes, &picture);
        let found = net.run(picture, &mut worker).unwrap();
        assert_eq!(found.last, 5);
        // The channels are planes there.
        let planes = found.values.chunks_exact(5);
        let planes: Vec<f32> = (0..5).flat_map(|at| planes.clone().map(move |pixel| pixel[at])).collect();
        let difference = difference(&planes, &expected);
        assert!(difference < 0.02, "{rows} x {columns}: {difference}");
    }
}

#[test]
fn what_is_not_known_runs_in_rten_and_classes_are_picked_here() {
    let mut net = Writer::default();
    let body = body(&mut net);
    let rows = vec![Integers("axes", vec![2]), Integer("keepdims", 0)];
    let line = net.node("ReduceMean", &[&body], rows);
    let steps = net.node("Transpose", &[&line], vec![Integers("perm", vec![0, 2, 1])]);
    let weights = net.constant(&[64, 200], |at| (number(at) - 0.5) * 8.0);
    let classes = net.node("MatMul", &[&steps, &weights], vec![]);
    let bias = net.constant(&[200], number);
    let classes = net.node("Add", &[&classes, &bias], vec![]);
    let output = net.node("Softmax", &[&classes], vec![Integer("axis", 2)]);
    let bytes = net.bytes(&output);
    let net = Net::load("test", &bytes).unwrap();
    assert!(net.rest.is_some() && net.head.is_some());
    let picture = picture(48, 400);
    let (shape, expected) = reference(&bytes, &picture);
    let picks = net.steps(picture, &mut Worker::default()).unwrap();
    assert_eq!(shape, [1, picks.len(), 200]);
    let mut clear = 0;
    for (pick, values) in picks.iter().zip(expected.chunks_exact(200)) {
        let expected = head::of_probabilities(values);
        let second = values.iter().enumerate().filter(|(class, _)| *class != expected.class);
        let second = second.map(|(_, value)| *value).fold(0.0, f32::max);
        if expected.probability > 1.5 * second {
            clear += 1;
            assert_eq!(pick.class, expected.class, "{expected:?}, then {second}");
            let apart = (pick.probability - expected.probability).abs();
            assert!(pick.class == 0 || apart < 0.05, "{pick:?} for {expected:?}");
        }
    }
    assert!(clear > picks.len() / 4, "{clear} of {} are clear", picks.len());
}

#[test]
fn a_network_of_unknown_operations_runs_all_the_same() {
    let mut net = Writer::default();
    let output = net.node("Abs", &["x"], vec![]);
    let bytes = net.bytes(&output);
    let picture = picture(5, 7);
    let (_, expected) = reference(&bytes, &picture);
    let net = Net::load("test", &bytes).unwrap();
    assert_eq!(net.run(picture, &mut Worker::default()).unwrap().values.to_vec(), expected);
}

#[test]
fn files_that_are_no_networks_are_errors() {
    let mut net = Writer::default();
    let body = body(&mut net);
    let bytes = net.bytes(&body);
    assert!(matches!(Net::load("test", b"no network"), Err(ImageError::Model { model: "test", .. })));
    for end in (0..bytes.len()).step_by(61) {
        let _ = Net::load("test", bytes.get(..end).unwrap());
    }
}

#[test]
fn the_models_give_what_rten_gives() {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let folder = set("WARD_MODELS").or_else(|| Some(cache?.join("ward/models")));
    let bytes = |name: &str| std::fs::read(folder.as_ref()?.join(name)).ok();
    let (Some(detection), Some(recognition)) = (bytes("detection.onnx"), bytes("recognition.onnx")) else {
        eprintln!("skipped: 2 models, absent");
        return;
    };
    // Bars of several widths and heights, as letters have.
    let bars = |rows: usize, columns: usize| {
        let ink = |row: usize, column: usize| {
            row % 24 > 6 && number(column / 3) > 0.5 && number(row / 24 * 911 + column / 40) > 0.3
        };
        let pixels = (0..rows * columns).map(|at| if ink(at / columns, at % columns) { -1.0 } else { 1.0 });
        let values: Vec<f32> = pixels.flat_map(|value| [value; 3]).collect();
        Map { rows, columns, channels: 3, values: values.into() }
    };
    let mut worker = Worker::default();
    let detector = Net::load("detection", &detection).unwrap();
    assert!(detector.rest.is_none(), "all of it runs here");
    let map = detector.pixels(bars(96, 224), &mut worker).unwrap();
    let (_, expected) = reference(&detection, &bars(96, 224));
    let apart = map.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
    let apart = apart.sum::<f32>() / map.len() as f32;
    assert!(apart < 0.02, "probabilities differ by {apart}");

    let recogniser = Net::load("recognition", &recognition).unwrap();
    assert!(recogniser.head.is_some() && recogniser.characters().is_some());
    let picks = recogniser.steps(bars(48, 320), &mut worker).unwrap();
    let (shape, expected) = reference(&recognition, &bars(48, 320));
    let classes = *shape.last().unwrap();
    assert_eq!(picks.len(), expected.len() / classes);
    for (pick, values) in picks.iter().zip(expected.chunks_exact(classes)) {
        let sure = head::of_probabilities(values);
        assert!(sure.probability < 0.8 || pick.class == sure.class, "{pick:?} for {sure:?}");
    }
}
