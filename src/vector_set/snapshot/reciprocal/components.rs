//! Which nodes hang together, and is one of them still to be written? Union-find with one word for
//! each node.

/// A node that is the root of its component has this bit, and the number of the component's nodes
/// that are not written.
const ROOT: u32 = 1 << 31;

/// The components of nodes `0 .. n`.
pub(super) struct Components(Vec<u32>);

impl Components {
    /// Each node for itself, and to be written.
    pub(super) fn new(nodes: u32) -> Self {
        Self(vec![ROOT | 1; nodes as usize])
    }

    fn root(&mut self, mut node: u32) -> u32 {
        while self.0[node as usize] & ROOT == 0 {
            let parent = self.0[node as usize];
            let above = self.0[parent as usize];
            if above & ROOT != 0 {
                return parent;
            }
            // Halves the path for later searches.
            self.0[node as usize] = above;
            node = above;
        }
        node
    }

    /// The node is written.
    pub(super) fn write(&mut self, node: u32) {
        let root = self.root(node);
        self.0[root as usize] -= 1;
    }

    /// True if every node of its component is written.
    pub(super) fn is_closed(&mut self, node: u32) -> bool {
        let root = self.root(node);
        self.0[root as usize] == ROOT
    }

    /// The components of two nodes become one: that of the first, which is written, is in general
    /// the larger one.
    pub(super) fn join(&mut self, a: u32, b: u32) {
        let a = self.root(a);
        let b = self.root(b);
        if a != b {
            self.0[a as usize] += self.0[b as usize] & !ROOT;
            self.0[b as usize] = a;
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_open_while_one_of_its_nodes_is_to_be_written() {
        let mut components = Components::new(5);
        components.write(0);
        assert!(components.is_closed(0) && !components.is_closed(1));
        components.join(0, 3);
        components.write(1);
        components.join(1, 3);
        components.join(1, 0);
        assert!(!components.is_closed(0) && !components.is_closed(1));
        components.write(3);
        assert!(components.is_closed(0) && components.is_closed(1) && !components.is_closed(4));
    }
}
