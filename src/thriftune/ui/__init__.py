"""Pages in the browser over run folders: review lessons, ask a student, compare runs, plan memory.

serve      gate (who may enter), app (the server), frame (what every page has around it), style.css
workspace  the run folders that are shown; bench (what one of them holds open: engine, student); watched (its files)
review     desk (decisions of several tabs at once), edits, filters, review_page, review_card, edit_dialog
ask        ask_page; results (hits as a table, also on the review page), colours (queries as coloured text)
runs       overview (a row for each run), pictures (Pareto), runs_page, compare_view
plan       plan_page, plan_view (sliders and bars; loads torch), plan_bars (the picture), plan_asked (what is asked)

The pages keep nothing of their own: decisions go where `thriftune teach --review` writes them, questions that were
answered wrong where `thriftune predict --wrong` does.
"""
