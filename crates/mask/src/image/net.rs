//! Networks that look at pictures, run fast on one thread: their convolutions here, whatever else they have in `rten`.
//!
//! A network is read from ONNX and cut in three. The front is all that follows from the picture by the operations in [`op::Op`]:
//! convolutions with what stands between them, about nine tenths of the work. It runs on maps whose channels lie side by side,
//! so that a convolution of one pixel is one product of matrices, one of each channel alone adds whole vectors, and bias and
//! activation are applied while the product is still in the cache. The products are those of `rten-gemm`. What is left (a
//! transformer, say) is written out as a network of its own and given to `rten`; of a softmax over classes at its end only the
//! likeliest is reckoned. A network of whose operations none is known
//! here runs in `rten` alone.
//!
//! It is for pictures one at a time: there are no batches, so a crop's result does not depend on its neighbours.

mod convolution;
mod depthwise;
mod front;
mod fuse;
mod head;
mod join;
mod map;
mod onnx;
mod op;
mod rest;
mod rounded;

use self::front::Front;
use self::head::Head;
pub(super) use self::head::Pick;
use self::map::Buffer;
pub(super) use self::map::{Map, Scratch};
use self::rest::Rest;
use super::ImageError;
use super::workers::Worker;

/// A network with one picture as its input and one output.
pub(super) struct Net {
    name: &'static str,
    front: Front,
    rest: Option<Rest>,
    head: Option<Head>,
    /// `character` of its metadata.
    characters: Option<String>,
}

/// Values of an output.
struct Output {
    /// How many lie side by side on its last axis.
    last: usize,
    values: Buffer,
}

impl Net {
    /// From the bytes of an ONNX file.
    ///
    /// # Errors
    /// [`ImageError::Model`] if it cannot be read or run.
    pub(super) fn load(name: &'static str, bytes: &[u8]) -> Result<Self, ImageError> {
        let failed = |reason: String| ImageError::Model { model: name, reason };
        let mut file = onnx::File::read(bytes).map_err(failed)?;
        let characters = file.metadata("character");
        let head = Head::cut(&mut file);
        let (front, left) = fuse::front(&file);
        let rest = left.map(|left| Rest::load(file, left)).transpose().map_err(failed)?;
        Ok(Self { name, front, rest, head, characters })
    }

    /// The dictionary that came with it.
    pub(super) fn characters(&self) -> Option<&str> {
        self.characters.as_deref()
    }

    /// A value for each pixel of a picture, row by row.
    ///
    /// # Errors
    /// [`ImageError::Run`] if the picture's size does not suit it, or it gives something else.
    pub(super) fn pixels(&self, picture: Map, worker: &mut Worker) -> Result<Buffer, ImageError> {
        let pixels = picture.pixels();
        let output = self.run(picture, worker).map_err(|reason| self.failed(reason))?;
        if self.head.is_some() || output.values.len() != pixels {
            return Err(self.failed("it gives no map".to_owned()));
        }
        Ok(output.values)
    }

    /// The class of each step of a picture, from its left.
    ///
    /// # Errors
    /// [`ImageError::Run`] if the picture's size does not suit it, or it gives something else.
    pub(super) fn steps(&self, picture: Map, worker: &mut Worker) -> Result<Vec<Pick>, ImageError> {
        let Output { last, values } = self.run(picture, worker).map_err(|reason| self.failed(reason))?;
        let picks = match &self.head {
            Some(head) => head.picks(&values, &mut worker.scratch).map_err(|reason| self.failed(reason))?,
            None => values.chunks_exact(last.max(1)).map(head::of_probabilities).collect(),
        };
        Ok(picks)
    }

    fn failed(&self, reason: String) -> ImageError {
        ImageError::Run { model: self.name, reason }
    }

    fn run(&self, picture: Map, worker: &mut Worker) -> Result<Output, String> {
        let mut maps = self.front.run(picture, &mut worker.scratch)?;
        if let Some(rest) = &self.rest {
            return rest.run(maps, worker);
        }
        let map = maps.pop().ok_or_else(|| "it has no output".to_owned())?;
        Ok(Output { last: map.channels, values: map.values })
    }
}

#[cfg(test)]
mod tests;
