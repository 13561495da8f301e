//! What a recording says. All of it is computed from every sample that the observer took; only the
//! curves of pictures are thinned out.

pub(crate) mod allan;
pub(crate) mod calls;
pub(crate) mod histogram;
pub(crate) mod host;
pub(crate) mod line;
pub(crate) mod number;
pub(crate) mod pairs;
pub(crate) mod recovery;
pub(crate) mod steady;
pub(crate) mod stretch;
pub(crate) mod truth;
