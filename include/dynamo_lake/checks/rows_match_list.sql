-- Items written since the published snapshot whose number of rows is not the length of their list;
-- a deleted item and a quarantined one must have no rows. Where nothing is published all items are compared, and rows whose item is
-- in no mirror row are found too.
WITH affected AS (
  SELECT key, ${item_key_of_mirror}, coalesce(json_array_length(json_extract(image, ${list_path})), 0) AS entries
  FROM ${mirror}
  WHERE run > ${since_run}
), refused AS (
  SELECT DISTINCT key AS refused_key
  FROM ${quarantine}
  WHERE source = ${source}
), counted AS (
  SELECT ${item_key}, count(*) AS row_count
  FROM ${target}
  WHERE ${changed_days}
  GROUP BY ${item_key}
), compared AS (
  SELECT ${item_key_compared},
    CASE WHEN refused.refused_key IS NULL THEN coalesce(affected.entries, 0) ELSE 0 END AS expected_rows,
    coalesce(counted.row_count, 0) AS present_rows
  FROM affected
  LEFT JOIN refused ON refused.refused_key = affected.key
  ${counted_join} JOIN counted ON ${same_item}
)
SELECT ${item_key}, expected_rows, present_rows
FROM compared
WHERE expected_rows <> present_rows
LIMIT ${limit}
