//! A source that always shows the same.

use pytheus_core::{BackendError, Collection, Source, Stop, Visit, Visitor};

/// Shows what the function shows.
#[derive(Clone)]
pub(crate) struct Fixed<F>(pub(crate) F);

pub(crate) trait Show:
    Fn(&mut dyn Visitor) -> Result<(), Stop> + Clone + Send + Sync + 'static
{
}
impl<F: Fn(&mut dyn Visitor) -> Result<(), Stop> + Clone + Send + Sync + 'static> Show for F {}

impl<F: Show> Visit for Fixed<F> {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        (self.0)(visitor)
    }
}

#[async_trait::async_trait]
impl<F: Show> Source for Fixed<F> {
    async fn collect(&self) -> Result<Collection, BackendError> {
        Ok(Collection::new(self.clone()))
    }
}
