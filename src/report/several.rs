//! Several forms of one run at once.

use super::{Event, Report};
use std::io;

/// Hands each event to all of its forms.
#[derive(Default)]
pub struct Several<'a> {
    forms: Vec<Box<dyn Report + 'a>>,
}

impl std::fmt::Debug for Several<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Several")
            .field("forms", &self.forms.len())
            .finish()
    }
}

impl<'a> Several<'a> {
    /// Adds a form.
    pub fn add(&mut self, form: impl Report + 'a) {
        self.forms.push(Box::new(form));
    }
}

impl Report for Several<'_> {
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.forms.iter_mut().try_for_each(|f| f.event(event))
    }
}
