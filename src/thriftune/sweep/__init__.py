"""Many runs of one recipe on one dataset, each once: search, ablation, study.

trial      one dict of overrides and a seed → a content id
space      the search space → overrides; presets
search     TPE: what to try next, from what came out
plan       which trials a sweep, an ablation or a study needs, in which order
folder     trials.jsonl (the single truth), the shared dataset, a folder for each trial
worker     the process of one trial
record     a trial's folder → its record
executor   where workers run: here; `cluster`: on Ray
joint      one training over several workers of a Ray cluster
drive      starts what is missing, records what ends
paired     differences on the same questions, seeds as clusters
results    records of planned trials, grouped; `tables`, `findings`, `pictures`, `report` show them
check      runs one trial again and compares
deploy     manifests for a cluster
"""
