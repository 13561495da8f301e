//! What a recording says. All of it is computed from every sample that the observer took; only the
//! curves of pictures are thinned out.

pub(crate) mod host;
pub(crate) mod recovery;
pub(crate) mod steady;
pub(crate) mod stretch;
