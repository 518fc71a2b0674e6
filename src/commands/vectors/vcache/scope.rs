//! The scope of a cache: the fields that a search and an entry must name.

use crate::resp::Error;
use crate::vector_set::CacheRules;
use crate::vector_set::filter::{Dialect, FieldReader, Filter, Params, Value};

/// Refuses a search whose filter does not keep to one text of each field of the scope.
pub(super) fn check_search(rules: &CacheRules, filter: Option<&Filter>) -> Result<(), Error> {
    let is_open = |field: &&_| !filter.is_some_and(|filter| filter.keeps_to_one(field));
    match rules.scope.iter().find(is_open) {
        None => Ok(()),
        Some(field) => Err(Error::from(format!(
            "ERR FILTER must have an equality of {field} with a text, since it is in the SCOPE of this cache"
        ))),
    }
}

/// The filter that an entry with this attribute, and all others of its scope, satisfy; none if the
/// cache has no scope.
pub(super) fn of_entry(rules: &CacheRules, attribute: Option<&[u8]>) -> Result<Option<Filter>, Error> {
    if rules.scope.is_empty() {
        return Ok(None);
    }
    let reader = FieldReader::new(rules.scope.iter().cloned());
    let values = reader.read(attribute.unwrap_or_default());
    let mut texts = Vec::new();
    for (field, value) in rules.scope.iter().zip(values) {
        let Some(Value::Text(text)) = value else {
            return Err(Error::from(format!(
                "ERR SETATTR must have a text at {field}, since it is in the SCOPE of this cache"
            )));
        };
        texts.push(text.bytes());
    }
    let equalities = (1..).zip(&rules.scope).map(|(number, field)| format!("{field} == ${number}"));
    let expression = equalities.collect::<Vec<_>>().join(" and ");
    let params = Params::new(texts.iter().map(|text| &**text));
    let filter = Filter::compile(expression.as_bytes(), Dialect::Nearhit, &params);
    filter.map(Some).map_err(|error| Error::from(format!("ERR the SCOPE cannot be searched: {error}")))
}
