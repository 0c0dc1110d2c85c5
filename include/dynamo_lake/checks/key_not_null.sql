-- Rows in which a required column is null, on the days that changed or without a day. Columns of the row key and the partition are
-- never null; other required ones not in rows of items written since a snapshot that had them: a column that was declared
-- later is null in older rows. Names with a colon are none that a declaration can take.
WITH affected AS (
  SELECT DISTINCT ${item_key_of_mirror}, true AS "check:is_affected"
  FROM ${mirror}
  WHERE run > ${filled_since_run}
), held AS (
  SELECT ${required_of_counted}, affected."check:is_affected"
  FROM ${target} AS counted
  LEFT JOIN affected ON ${same_item}
  WHERE ${changed_days} OR ${partition} IS NULL
)
SELECT ${required}
FROM held
WHERE ${any_key_is_null} OR ("check:is_affected" AND (${any_required_is_null}))
LIMIT ${limit}
