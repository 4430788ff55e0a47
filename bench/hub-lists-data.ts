// A hub's database with many repositories, made by the database itself from series and lists of words: names, cards, tags
// and numbers are spread as those of a large hub are, few of them common and most of them rare. Measures nothing.
import { sql } from "drizzle-orm";
import type { Db } from "../hub-server/db/client.ts";
import { INDEX_VERSION } from "../hub-server/services/indexer.ts";
import { createToken, createUser } from "../hub-server/services/users.ts";

/** What the requests of the benchmark name. */
export interface Sample {
  /** Of somebody who is a member of an organization and has a few private repositories. */
  token: string;
  /** Public models. */
  models: string[];
  /** Those that most others were made from. */
  popular: string[];
  /** Private models of the token's user. */
  own: string[];
  /** Private models of the organization. */
  shared: string[];
  authors: string[];
  /** Words of names that stand in a few repositories alone. */
  rareWords: string[];
}

const FAMILIES =
  "bert llama qwen gemma mistral phi gpt t5 whisper roberta deberta mixtral falcon vit clip lora sdxl flux yolo resnet";
const TASKS =
  "text-generation text-classification token-classification fill-mask summarization translation feature-extraction " +
  "question-answering sentence-similarity image-classification object-detection text-to-image automatic-speech-recognition";
const LIBRARIES = "transformers diffusers peft gguf sentence-transformers timm mlx";
const LANGUAGES = "en zh fr de es ja ko ru pt it ar hi vi nl pl tr sv cs fi da";
const LICENSES = "apache-2.0 mit cc-by-4.0 openrail gemma llama3 cc-by-nc-4.0 bsd-3-clause gpl-3.0 afl-3.0";
const SYLLABLES = "ka lu mo ri ta ne so vi po ze da ki ru me la no si fu be go";

/** Words of the vocabulary, kinds of cards, and files that are there in several versions. */
const [WORDS, BODIES, CONTENTS] = [20_000, 2000, 5000];
const BODY_WORDS = 60;
/** The user and the organization of the sample own this many of the repositories. */
const [OWN, SHARED] = [40, 400];

/** Numbers stand in the statements themselves, as tables cannot be made with parameters. */
const number = (value: number) => sql.raw(`${value}`);
const list = (words: string) => sql.raw(`array['${words.split(" ").join("','")}']`);
/** The places of a list, the first ones much more often than the last. */
const uneven = (count: number | string, power = 3) => sql.raw(`(floor(power(random(), ${power}) * ${count}) + 1)::int`);
/** Parts of a word that searches find it by, as the hub's index has them. */
const endings = (word: string) =>
  sql.raw(
    `(select coalesce(string_agg(format('''%s'':2C', right(${word}, l)), ' '), '') from generate_series(3, length(${word}) - 1) as l)`,
  );

/** Fills an empty, migrated database. */
export async function fill(db: Db, count: number): Promise<Sample> {
  const user = await createUser({ db }, { name: "bench" });
  const token = await createToken({ db }, user.id, { name: "bench" });
  const run = (statement: ReturnType<typeof sql>) => db.execute(statement);
  await run(sql`select setseed(0.5)`);
  await run(sql`create schema bench`);
  await vocabulary(db);
  await people(db, count, user.id);
  await plan(db, count);
  const indexes = await db.execute<{ name: string; definition: string }>(sql`
    select indexname as name, indexdef as definition from pg_indexes
    where schemaname = 'public' and tablename in ('repos', 'repo_index', 'repo_links') and indexname not like '%_pkey'
      and indexname not like '%_pk'`);
  for (const { name } of indexes) await run(sql.raw(`drop index "${name}"`));
  await repositories(db);
  for (const { definition } of indexes) await run(sql.raw(definition));
  const sample = await sampleOf(db, token);
  await run(sql`drop schema bench cascade`);
  // What the hub does on its first start of a day would set the downloads to those of the last days, of which there are none.
  await run(sql`insert into settings (key, value) values ('numbers_day', ${new Date().toISOString().slice(0, 10)})`);
  await run(sql`vacuum analyze`);
  return sample;
}

async function vocabulary(db: Db): Promise<void> {
  await db.execute(sql`
    create unlogged table bench.words as
    select i, word, format('''%s'':1A ', word) || ${endings("word")} as name, format('''%s'':90D', word) as body
    from (
      select i, s[1 + i % 20] || s[1 + i / 20 % 20] || s[1 + i / 400 % 20] || case when i > 8000 then s[1 + (i / 8000 + i * 7) % 20] else '' end as word
      from generate_series(1, ${number(WORDS)}) as i, (select ${list(SYLLABLES)} as s) as syllables
    ) as made`);
  await db.execute(sql`create unique index on bench.words (i)`);
  const tags = (name: string, words: string) =>
    db.execute(
      sql`create unlogged table ${sql.raw(`bench.${name}`)} as
        select i, tag, (select string_agg(format('''%s'':50B', part), ' ') from regexp_split_to_table(tag, '[-.]') as part) as vector
        from unnest(${list(words)}) with ordinality as all_tags (tag, i)`,
    );
  await tags("families", FAMILIES);
  await tags("tasks", TASKS);
  await tags("libraries", LIBRARIES);
  await tags("languages", LANGUAGES);
  await tags("licenses", LICENSES);
  await db.execute(sql`
    create unlogged table bench.drawn as
    select y, ${uneven(WORDS)} as i from generate_series(1, ${number(BODIES)}) as y, generate_series(1, ${number(BODY_WORDS)})`);
  await db.execute(sql`
    create unlogged table bench.bodies as
    select y, '''model'':80D ''card'':81D ''trained'':82D ' || string_agg(distinct words.body, ' ') as vector
    from bench.drawn join bench.words using (i) group by y`);
}

/** An owner for twenty repositories; the first of all is the organization, the second the user. */
async function people(db: Db, count: number, userId: string): Promise<void> {
  await db.execute(sql`
    create unlogged table bench.owners as
    select o, case when o = 2 then ${sql.raw(`'${userId}'`)}::uuid else md5('owner ' || o)::uuid end as id, name,
      format('''%s'':1A ', name) || ${endings("name")} as vector
    from (
      select o, case o when 1 then 'benchorg' when 2 then 'bench' else word || o end as name
      from generate_series(1, ${number(Math.max(10, Math.ceil(count / 20)))}) as o join bench.words on i = 1 + o % ${number(WORDS)}
    ) as named`);
  await db.execute(sql`
    insert into users (id, name, kind) select id, name, case when o = 1 then 'org' else 'user' end from bench.owners where o <> 2`);
  await db.execute(sql`
    insert into org_members (org_id, user_id, role) select id, ${sql.raw(`'${userId}'`)}::uuid, 'write' from bench.owners where o = 1`);
}

async function plan(db: Db, count: number): Promise<void> {
  const owners = Math.max(10, Math.ceil(count / 20)) - 2;
  await db.execute(sql`
    create unlogged table bench.plan as
    select n, md5('repo ' || n)::uuid as id, md5('tree ' || n) || '00000000' as tree, md5('commit ' || n) || '00000000' as commit,
      case when n <= ${number(OWN + SHARED)} or random() < 0.7 then 'model' when random() < 0.67 then 'dataset' else 'space' end as type,
      case when n <= ${number(OWN)} then 2 when n <= ${number(OWN + SHARED)} then 1 else 2 + ${uneven(owners)} end as o,
      n <= ${number(OWN + SHARED)} or random() < 0.1 as private, random() < 0.01 as gated,
      ${uneven(20, 2)} as family, ${uneven(WORDS)} as word, ${uneven(13, 2)} as task, ${uneven(7, 2)} as library,
      ${uneven(20)} as language, ${uneven(10, 2)} as license, ${number(OWN + SHARED)} + ${uneven(500)} as dataset, ${number(OWN + SHARED)} + ${uneven(1000)} as base,
      random() < 0.3 as trained_on, random() < 0.5 as derived, ${uneven(BODIES, 1)} as body,
      (1 / power(random() + 0.00002, 1.2))::int as likes, (10 / power(random() + 0.00002, 1.5))::int as downloads,
      now() - random() * interval '1000 days' as created, power(random(), 3) as age
    from generate_series(1, ${number(count)}) as n`);
  await db.execute(sql`
    create unlogged table bench.named as
    select plan.*, owners.id as owner_id, owners.name as namespace, owners.vector as owner_vector,
      families.tag as family_name, words.word as word_name, families.vector as family_vector, words.name as word_vector,
      families.tag || '-' || words.word || '-' || to_hex(n) as name
    from bench.plan join bench.owners using (o) join bench.families on families.i = family join bench.words on words.i = plan.word`);
  await db.execute(sql`create unique index on bench.named (n)`);
  await db.execute(sql`analyze`);
}

/** Rows as the hub's own services write them, without the checks that these rows name each other. */
async function repositories(db: Db): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.execute(sql`set local session_replication_role = replica`);
    await tx.execute(sql`
      insert into repos (id, type, namespace, name, owner_id, is_private, gated, likes, sdk, downloads, downloads_all_time,
        trending_score, likes_30d, created_at, updated_at, indexed_commit, card_data, tags, pipeline_tag, library_name,
        parameters, safetensors, config, main_size, used_storage)
      select id, type, namespace, name, owner_id, private, case when gated and type <> 'space' then 'manual' end, likes,
        case type when 'space' then 'gradio' end, downloads, downloads * 10::bigint, downloads / 10 + likes, likes / 5,
        created, created + (now() - created) * age, commit,
        jsonb_build_object('license', license_tag, 'language', jsonb_build_array(language_tag), 'tags', jsonb_build_array(family_name, word_name),
          'library_name', library_tag, 'pipeline_tag', task_tag, 'datasets', jsonb_build_array(dataset_name), 'base_model', base_name),
        case type
          when 'model' then array_remove(array[library_tag, 'safetensors', family_name, task_tag, word_name, language_tag,
            case when trained_on then 'dataset:' || dataset_name end, case when derived then 'base_model:' || base_name end,
            case when derived then 'base_model:finetune:' || base_name end, 'license:' || license_tag, 'region:us'], null)
          when 'dataset' then array['task_categories:' || task_tag, 'language:' || language_tag, 'license:' || license_tag,
            'size_categories:10K<n<100K', 'format:parquet', word_name, 'region:us']
          else array['gradio', 'license:' || license_tag, word_name, 'region:us'] end,
        case type when 'model' then task_tag end, case type when 'model' then library_tag end,
        case when type = 'model' then downloads * 1000000::bigint end,
        case when type = 'model' then jsonb_build_object('F32', downloads * 1000000::bigint) end,
        case when type = 'model' then jsonb_build_object('architectures', jsonb_build_array(family_name || 'ForCausalLM'), 'model_type', family_name) else '{}' end,
        downloads * 4096::bigint, downloads * 8192::bigint
      from ${FULL}`);
    await tx.execute(sql`
      insert into repo_index (repo_id, type, version, names, document, facts)
      select id, type, ${number(INDEX_VERSION)}, own::tsvector, (own || ' ' || about || ' ' || body_vector)::tsvector,
        case when type = 'model' then jsonb_build_object('transformersInfo', jsonb_build_object('auto_model', 'AutoModelForCausalLM', 'pipeline_tag', task_tag)) else '{}' end
      from (select *, owner_vector || ' ' || word_vector || format(' ''%s'':1A ''%s'':1A ', family_name, to_hex(n)) as own,
        family_vector || ' ' || task_vector || ' ' || library_vector || ' ' || license_vector || ' ''license'':50B ''region'':51B ''us'':52B ''safetensors'':53B' as about
        from ${FULL}) as texts`);
    await tx.execute(sql`
      insert into repo_links (repo_id, kind, target, relation)
      select id, 'base_model', base_name, 'finetune' from ${FULL} where type = 'model' and derived
      union all select id, 'dataset', dataset_name, null from ${FULL} where type = 'model' and trained_on
      union all select id, 'model', base_name, null from ${FULL} where type = 'space'`);
    await tx.execute(
      sql`insert into refs (repo_id, name, commit_id) select id, 'refs/heads/main', commit from bench.plan`,
    );
    await tx.execute(sql`
      insert into commits (repo_id, id, tree_id, parents, author_name, author_email, time, message)
      select id, commit, tree, '{}', 'bench', 'bench@localhost', 1700000000 + n, 'initial commit' from bench.plan`);
    const file = (name: string, at: string) =>
      sql.raw(
        `jsonb_build_object('name', '${name}', 'kind', 'file', 'id', md5('content ' || (${at}) % ${CONTENTS}) || '00000000')`,
      );
    await tx.execute(sql`
      insert into trees (id, entries)
      select tree, jsonb_build_array(${file(".gitattributes", "0")}, ${file("README.md", "n")}, ${file("config.json", "n + 1")},
        ${file("model.safetensors", "n + 2")}, ${file("tokenizer.json", "n + 3")}, ${file("tokenizer_config.json", "n + 4")},
        ${file("special_tokens_map.json", "n + 5")}, ${file("vocab.txt", "n + 6")}) from bench.plan`);
    await tx.execute(sql`
      insert into contents (id, size, bytes, is_lfs)
      select md5('content ' || i) || '00000000', 1200, decode(repeat(md5('' || i), 75), 'hex'), false
      from generate_series(0, ${number(CONTENTS - 1)}) as i`);
  });
}

/** The plan with the words of its numbers. */
const FULL = sql.raw(`(
  select named.*, tasks.tag as task_tag, tasks.vector as task_vector, libraries.tag as library_tag, libraries.vector as library_vector,
    languages.tag as language_tag, licenses.tag as license_tag, licenses.vector as license_vector, bodies.vector as body_vector,
    based.namespace || '/' || based.name as base_name, data.namespace || '/' || data.name as dataset_name
  from bench.named
  join bench.tasks on tasks.i = task join bench.libraries on libraries.i = library join bench.languages on languages.i = language
  join bench.licenses on licenses.i = license join bench.bodies on bodies.y = body
  join bench.named as based on based.n = named.base join bench.named as data on data.n = named.dataset
) as whole`);

async function sampleOf(db: Db, token: string): Promise<Sample> {
  const texts = async (query: ReturnType<typeof sql>) =>
    (await db.execute<{ value: string }>(query)).map(({ value }) => value);
  const models = (where: ReturnType<typeof sql>) =>
    texts(
      sql`select namespace || '/' || name as value from bench.named where type = 'model' and ${where} order by id limit 100`,
    );
  return {
    token,
    models: await models(sql`not private and not gated`),
    popular: await texts(
      sql`select namespace || '/' || name as value from bench.named where type = 'model' and not private and n between ${OWN + SHARED + 1}::int and ${OWN + SHARED + 10}::int`,
    ),
    own: await models(sql`o = 2 and n <= ${number(OWN)}`),
    shared: await models(sql`o = 1`),
    authors: await texts(sql`select name as value from bench.owners where o > 2 order by id limit 50`),
    rareWords: await texts(sql`
      select words.word as value from bench.words join bench.plan on plan.word = i
      group by words.word having count(*) between 3 and 30 order by md5(words.word) limit 20`),
  };
}
