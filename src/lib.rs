//! nearhit: a Redis-protocol compatible in-memory vector cache.
