//! Blocks of bytes on the heap behind one thin pointer, of which some also own a value.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::memory::{Category, allocated_bytes, give_back, take};

/// One block: `[length: u32][tag: u32][value: V, if it has one][bytes]`.
///
/// A `Box<[u8]>` would put the length beside the pointer, a struct with a box inside would be a
/// second block, and each of them costs 8 to 16 bytes; with a million small blocks that is what
/// there is to save. What the tag means is its owner's business.
pub struct ThinBlock<V: Purpose> {
    pointer: NonNull<Header>,
    owns: PhantomData<V>,
}

#[repr(C)]
struct Header {
    /// How many bytes there are; the top bit says that there is a value before them.
    len: u32,
    tag: u32,
}

/// What the blocks of an owner are for.
pub trait Purpose {
    /// The category in which a block with this tag is counted.
    fn category(tag: u32) -> Category;
}

/// The bit of `Header::len` that says so.
const HAS_VALUE: u32 = 1 << 31;

/// All blocks begin at a multiple of this.
const ALIGN: usize = 8;

// SAFETY: a block owns its value and its bytes alone, and shared access only reads them.
unsafe impl<V: Purpose + Send> Send for ThinBlock<V> {}
// SAFETY: as above: `&ThinBlock<V>` gives out `&V` and `&[u8]`.
unsafe impl<V: Purpose + Sync> Sync for ThinBlock<V> {}

impl<V: Purpose> ThinBlock<V> {
    /// The most bytes that a block can have.
    pub const MAX_LEN: usize = HAS_VALUE as usize - 1;

    /// A block with this tag and value, and the bytes of all `parts`, one after the other.
    ///
    /// # Panics
    /// If there are more bytes than [`Self::MAX_LEN`].
    pub fn new(tag: u32, value: Option<V>, parts: &[&[u8]]) -> Self {
        let len = parts.iter().map(|part| part.len()).sum();
        let layout = Self::layout(value.is_some(), len);
        take(V::category(tag), allocated_bytes(layout.size()));
        // SAFETY: the layout has at least the header's size.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let flag = if value.is_some() { HAS_VALUE } else { 0 };
        let block = Self { pointer: start.cast(), owns: PhantomData };
        // SAFETY: the new allocation holds the header, and then the value, if there is one, at the
        // place that `layout` keeps aligned for it.
        unsafe {
            block.pointer.write(Header { len: len as u32 | flag, tag });
            if let Some(value) = value {
                block.value_pointer().write(value);
            }
        }
        let mut to = block.tail_pointer();
        for part in parts {
            // SAFETY: the tail has as many bytes as all parts together, and no other code has a
            // pointer to it yet.
            unsafe {
                to.copy_from_nonoverlapping(NonNull::from(*part).cast(), part.len());
                to = to.add(part.len());
            }
        }
        block
    }

    /// Where the block begins: for hints to the memory.
    pub fn address(&self) -> *const u8 {
        self.pointer.cast().as_ptr()
    }

    /// The tag.
    pub fn tag(&self) -> u32 {
        self.header().tag
    }

    /// Changes the tag.
    pub fn set_tag(&mut self, tag: u32) {
        let (old, new) = (self.category(), V::category(tag));
        if old != new {
            give_back(old, self.heap_bytes());
            take(new, self.heap_bytes());
        }
        // SAFETY: `new` wrote the header, and it belongs to `self`, which is borrowed for a change.
        unsafe { self.pointer.as_mut().tag = tag }
    }

    /// The bytes.
    pub fn tail(&self) -> &[u8] {
        // SAFETY: `new` and `resize` wrote so many bytes there; they live as long as `self`, and
        // are not changed while it is borrowed.
        unsafe { std::slice::from_raw_parts(self.tail_pointer().as_ptr(), self.len()) }
    }

    /// The bytes, to be changed.
    pub fn tail_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `tail`; and `self` is borrowed for a change.
        unsafe { std::slice::from_raw_parts_mut(self.tail_pointer().as_ptr(), self.len()) }
    }

    /// The value, if the block has one.
    pub fn value(&self) -> Option<&V> {
        // SAFETY: the header says that `new` wrote a value there.
        self.has_value().then(|| unsafe { self.value_pointer().as_ref() })
    }

    /// The value, to be changed.
    pub fn value_mut(&mut self) -> Option<&mut V> {
        // SAFETY: as in `value`; and `self` is borrowed for a change.
        self.has_value().then(|| unsafe { self.value_pointer().as_mut() })
    }

    /// The value, taken out; the rest is freed.
    pub fn into_value(self) -> Option<V> {
        // SAFETY: the header says that there is a value. It is read once: `forget` keeps `drop`
        // from it.
        let value = self.has_value().then(|| unsafe { self.value_pointer().read() });
        self.free();
        std::mem::forget(self);
        value
    }

    /// Makes the bytes more, by zeros, or fewer, at their end. The value and the bytes that stay
    /// are the same.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn resize(&mut self, len: usize) {
        let before = self.len();
        let old = Self::layout(self.has_value(), self.len());
        let new = Self::layout(self.has_value(), len);
        if len == before {
            return;
        }
        take(self.category(), allocated_bytes(new.size()));
        // SAFETY: `self.pointer` was allocated with the old layout, and the new one has the same
        // alignment and is not empty. Moving the value by its bytes is what Rust calls a move.
        let moved = unsafe { realloc(self.pointer.cast().as_ptr(), old, new.size()) };
        let Some(moved) = NonNull::new(moved) else { handle_alloc_error(new) };
        self.pointer = moved.cast();
        give_back(self.category(), allocated_bytes(old.size()));
        // SAFETY: the header came along; whatever is behind the old bytes is inside the new
        // allocation.
        unsafe {
            self.pointer.as_mut().len = len as u32 | (self.header().len & HAS_VALUE);
            self.tail_pointer().add(before.min(len)).write_bytes(0, len.saturating_sub(before));
        }
    }

    /// Bytes that the allocator gives for the block, without what its value has elsewhere.
    pub fn heap_bytes(&self) -> usize {
        allocated_bytes(Self::layout(self.has_value(), self.len()).size())
    }

    fn category(&self) -> Category {
        V::category(self.tag())
    }

    fn layout(has_value: bool, len: usize) -> Layout {
        const {
            assert!(align_of::<V>() <= ALIGN && align_of::<Header>() <= ALIGN && size_of::<Header>() == ALIGN)
        };
        assert!(len <= Self::MAX_LEN, "{len} bytes do not fit in a block");
        let size = size_of::<Header>() + if has_value { size_of::<V>() } else { 0 } + len;
        Layout::from_size_align(size, ALIGN).expect("a block's size fits")
    }

    fn header(&self) -> &Header {
        // SAFETY: `new` wrote it, and it lives as long as `self`.
        unsafe { self.pointer.as_ref() }
    }

    fn len(&self) -> usize {
        (self.header().len & !HAS_VALUE) as usize
    }

    fn has_value(&self) -> bool {
        self.header().len & HAS_VALUE != 0
    }

    /// Where the value is, if there is one: behind the header, which is as long as the alignment.
    fn value_pointer(&self) -> NonNull<V> {
        // SAFETY: the end of the header is in the allocation, or just behind it.
        unsafe { self.pointer.add(1).cast() }
    }

    fn tail_pointer(&self) -> NonNull<u8> {
        let behind = if self.has_value() { size_of::<V>() } else { 0 };
        // SAFETY: `layout` counts the header and the value before the bytes, so this is in the
        // allocation or just behind.
        unsafe { self.pointer.add(1).cast::<u8>().add(behind) }
    }

    /// Frees the memory, but not the value. The block must not be used any more.
    fn free(&self) {
        let layout = Self::layout(self.has_value(), self.len());
        let category = self.category();
        // SAFETY: it was allocated with this layout; `drop` and `into_value`, which call this, are
        // the end of the block.
        unsafe { dealloc(self.pointer.cast().as_ptr(), layout) }
        give_back(category, allocated_bytes(layout.size()));
    }
}

impl<V: Purpose> Drop for ThinBlock<V> {
    fn drop(&mut self) {
        if self.has_value() {
            // SAFETY: there is a value, and this is its last use.
            unsafe { self.value_pointer().drop_in_place() }
        }
        self.free();
    }
}

impl<V: Purpose + Clone> Clone for ThinBlock<V> {
    fn clone(&self) -> Self {
        Self::new(self.tag(), self.value().cloned(), &[self.tail()])
    }
}

impl<V: Purpose + std::fmt::Debug> std::fmt::Debug for ThinBlock<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ThinBlock({:#x}, {:?}, {} bytes)", self.tag(), self.value(), self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    type Block = ThinBlock<Arc<u64>>;

    impl Purpose for Arc<u64> {
        fn category(tag: u32) -> Category {
            if tag == 0 { Category::Keys } else { Category::Strings }
        }
    }

    #[test]
    fn a_block_is_one_pointer_wide_and_none_costs_nothing() {
        assert_eq!(size_of::<Option<Block>>(), size_of::<usize>());
    }

    #[test]
    fn parts_lie_one_after_the_other() {
        for value in [None, Some(Arc::new(7))] {
            let mut block = Block::new(3, value.clone(), &[b"one", b"", b"three"]);
            assert_eq!((block.tag(), block.tail(), block.value()), (3, &b"onethree"[..], value.as_ref()));
            block.set_tag(u32::MAX);
            block.tail_mut()[0] = b'O';
            assert_eq!((block.tag(), block.tail()), (u32::MAX, &b"Onethree"[..]));
            let copy = block.clone();
            assert_eq!((copy.tag(), copy.tail(), copy.value()), (u32::MAX, &b"Onethree"[..], value.as_ref()));
        }
        assert_eq!(Block::new(0, None, &[]).tail(), b"");
    }

    #[test]
    fn values_are_dropped_once_whatever_happens_to_their_block() {
        let value = Arc::new(7);
        let block = || Block::new(0, Some(Arc::clone(&value)), &[b"tail"]);
        drop(block());
        assert_eq!(Arc::strong_count(&value), 1);
        assert_eq!(block().into_value(), Some(Arc::clone(&value)));
        assert_eq!(Arc::strong_count(&value), 1);
        let mut block = block();
        *block.value_mut().expect("it has one") = Arc::new(8);
        assert_eq!((block.value(), Arc::strong_count(&value)), (Some(&Arc::new(8)), 1));
        assert_eq!(Block::new(0, None, &[b"x"]).into_value(), None);
    }

    #[test]
    fn resizing_keeps_value_tag_and_bytes() {
        for value in [None, Some(Arc::new(7))] {
            let mut block = Block::new(5, value.clone(), &[b"bytes"]);
            for len in [5, 9, 100_000, 3, 0, 2] {
                let mut expected = block.tail().to_vec();
                expected.resize(len, 0);
                block.resize(len);
                assert_eq!((block.tail(), block.tag(), block.value()), (&expected[..], 5, value.as_ref()));
            }
        }
    }

    #[test]
    fn blocks_go_to_other_threads() {
        let block = Block::new(1, Some(Arc::new(7)), &[b"bytes"]);
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(block.tail(), b"bytes"));
        });
        let moved = std::thread::spawn(move || block.into_value());
        assert_eq!(moved.join().expect("it does not panic"), Some(Arc::new(7)));
    }
}
