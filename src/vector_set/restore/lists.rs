//! The links of one element, as ids.

/// Lists of ids, from layer 0 up. Made to be filled again and again.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Lists {
    ids: Vec<u64>,
    /// Where each list ends.
    ends: Vec<usize>,
}

impl Lists {
    /// Forgets all lists.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.ends.clear();
    }

    /// Begins the list of the next layer.
    pub fn begin(&mut self) {
        self.ends.push(self.ids.len());
    }

    /// Adds a link to the list that was begun last.
    pub fn push(&mut self, id: u64) {
        debug_assert!(!self.ends.is_empty());
        self.ids.push(id);
        if let Some(end) = self.ends.last_mut() {
            *end += 1;
        }
    }

    /// How many lists there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The lists.
    pub fn iter(&self) -> impl Iterator<Item = &[u64]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.ids[start..end])
    }
}

impl<const LAYERS: usize> From<[&[u64]; LAYERS]> for Lists {
    fn from(layers: [&[u64]; LAYERS]) -> Self {
        let mut lists = Self::default();
        for layer in layers {
            lists.begin();
            layer.iter().for_each(|&id| lists.push(id));
        }
        lists
    }
}
