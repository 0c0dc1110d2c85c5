-- Items written since the published snapshot whose number of rows is not the length of their list;
-- a deleted item and a quarantined one must have no rows. Where nothing is published all items are compared, and rows whose item is
-- in no mirror row are found too. Names with a colon are none that a declaration can take.
WITH affected AS (
  SELECT key AS "check:key", ${item_key_of_mirror}, coalesce(json_array_length(json_extract(image, ${list_path})), 0) AS "check:entries"
  FROM ${mirror}
  WHERE run > ${since_run}
), refused AS (
  SELECT DISTINCT key AS "check:key"
  FROM ${quarantine}
  WHERE source = ${source}
), counted AS (
  SELECT ${item_key}, count(*) AS "check:rows"
  FROM ${target}
  WHERE ${changed_days}
  GROUP BY ${item_key}
), compared AS (
  SELECT ${item_key_compared},
    CASE WHEN refused."check:key" IS NULL THEN coalesce(affected."check:entries", 0) ELSE 0 END AS "check:expected",
    coalesce(counted."check:rows", 0) AS "check:present"
  FROM affected
  LEFT JOIN refused ON refused."check:key" = affected."check:key"
  ${counted_join} JOIN counted ON ${same_item}
)
SELECT ${item_key}, "check:expected" AS expected_rows, "check:present" AS present_rows
FROM compared
WHERE "check:expected" <> "check:present"
LIMIT ${limit}
