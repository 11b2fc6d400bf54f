// What whole screens look like: read them, and draw them anew when a view is meant to change.

enum Golden {
  /// 80×24, the planted run at step 213.
  static let demo80 = #"""
     ranktop  demo-1 │ planted-bert 3×64 │ ADALORA smoothed               ● training
     step 213/400 budgeting ━━━━━━━━━━━━━━───────────── 53%  ETA 1m34s  12.3k tok/s
    ╔═ 1 Ranks ════════ 40 of budget 39 / 108 ═╗┌─ 2 Importance ────── S smoothed ─┐
    ║L  query key   value at.ou inter outpu    ║│→0 quer ×××××× 0   0 inte ×××××× 0│
    ║ 0 0/0   6/6 █ 1/0 ▁ 4/4 ▅ 0/0   1/0 ▁    ║│ 0 key  ▇▇▇▇▆█ 6   0 outp ▂××××× 1│
    ║ 1 6/6 █ 0/0   4/4 ▅ 0/0   2/2 ▃ 1/0 ▁    ║│ 0 valu ▂××××× 1   1 quer ▆█▇▇██ 6│
    ║ 2 0/0   4/4 ▅ 0/0   6/6 █ 1/0 ▁ 4/4 ▅    ║│ 0 a.ou ███▇×× 4   1 key  ×××××× 0│
    ║                                          ║│3.3e-13 ▁▂▃▄▅▆▇█ 1.6e-9  × pruned │
    ║0 query  kept 0 of 6  nonzero 2  planted 0║│alike sen 95 mag 92 ran 33 uni 51 │
    ╚═══════════ 90% of it in planted modules ═╝└────────────────────── 1-8 of 18 ─┘
    ┌─ 5 Triplet 0 query · 1/6 ──── ○ regrown ─┐┌─ 4 Training ─────────────────────┐
    │4.88e-13 = 1.25e-13 + 1.38e-13 + 2.25e-13 ││task loss 0.273   ⠙⠒⠦⣤⣀⣀          │
    │λ 1.77e-4  83/108, 39 stay  ×0.41 thr     ││                      ⠈⠉⠙⠛⠒⠶⠶⠤⢤⡤⣄⣀│
    │Pruned: S 4.79e-13 ≤ threshold 1.18e-12; λ││R         0.0220  ⠙⠒⠦⠤⢤⣄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀│
    │has regrown.                              ││grad norm 0.748   ⠛⠛⠒⠶⠶⠦⠤⠤⢤⠤⡤⣤⣤⣤⣠⣤│
    └──────────────────────────────────────────┘└──────────────────── steps 0-212 ─┘
    ┌─ 6 Events ────────────────────────── 30 ─┐┌─ 3 Budget ───────────────────────┐
    │200 ▼ mask 3 pruned, 2 came back, 41 of 1…││108 █████▇▅▄▃▂▁⡀   │      │       │
    │205 ▼ mask 3 pruned, 2 came back, 40 of 1…││36  ████████████▇▇▆▆⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒│
    │210 ▼ mask 1 pruned, 1 came back, 40 of 1…││    ────│budgeting─▲──────│─final─│
    └──────────────────────────────────────────┘└──────────────────────────────────┘
    [β₁ 0.85] β₂ 0.85  γ 0.1  η 1e-3  ΔT 5  target 2
     scale 5.333  thr 1.18e-12  kept 40  budget 39 of 108  nonzero 59  │ SkylakeX ×2
     space pause  ] pick  + β₁ up  - β₁ down  < history  z zoom  ? help  q quit
    """#

  /// 120×40, 36 modules, paused and scrubbed back two steps.
  static let miniLM120 = #"""
     ranktop  sst2-adalora-3 │ all-MiniLM-L6-v2 │ ADALORA smoothed               history: step 408  of 413, live goes on (g)
     step 413/800 budgeting ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━───────────────────────────── 52%  ETA 3m14s  12.3k tok/s
    ┌─ 1 Ranks ──────────────────────────── 146 of budget 146 / 216 ─┐┌─ 2 Importance ──────────────────────── S smoothed ─┐
    │L  query    key      value    att.outp intermed output       sum││→0 quer ▆×▇▇▇█ 5   1 outp █▇█▇×× 4   3 inte ▆█▁▁×▇ 5│
    │ 0 5    ▇   4    ▅   5    ▇   5    ▇   4 (5)▅   5    ▇        28││ 0 key  ██▇█×× 4   2 quer ▆×▂▇×▁ 4   3 outp ▇▇×▇█× 4│
    │ 1 3▼(4)▄   5    ▇   6▲   █   4    ▅   3 (4)▄   4    ▅        25││ 0 valu ▂▇▇▇▇× 5   2 key  ▆█▇×▁× 4   4 quer █▇▂▇▁× 5│
    │ 2 4    ▅   4 (5)▅   4    ▅   5    ▇   4    ▅   5    ▇        26││ 0 a.ou █×█▆▇█ 5   2 valu ▇▇▇▇×× 4   4 key  ██×█×× 3│
    │ 3 6    █   4    ▅   4    ▅   5    ▇   5▲   ▇   4    ▅        28││ 0 inte █▇××▇█ 4   2 a.ou █▇▂▁×▁ 5   4 valu █▁█×█× 4│
    │ 4 5    ▇   3    ▄   4 (5)▅   2    ▃   2▼(4)▃   4▼(5)▅        20││ 0 outp ▇▇×▁▂▆ 5   2 inte ████×× 4   4 a.ou █××▇×× 2│
    │ 5 2 (3)▃   2 (3)▃   2 (3)▃   4 (5)▅   3 (5)▄   6    █        19││ 1 quer ██▇××× 3   2 outp █▆▇▂×█ 5   4 inte ×█×××▂ 2│
    │                                                                ││ 1 key  ▇▇▇▆█× 5   3 quer ██▆▆▇▁ 6   4 outp █▆█×▂× 4│
    │ Σ 25       22       25       25       21       28              ││ 1 valu ██▆▇▁▂ 6   3 key  █×▇▁×▁ 4   5 quer ▇×▇××× 2│
    │                                                                ││ 1 a.ou █▇×▁▂× 4   3 valu ▇▇█▇×× 4   5 key  ▇×▆××× 2│
    │                                                                ││ 1 inte ██×××▂ 3   3 a.ou ▇▇▆▇▁× 5   5 valu █▆×××× 2│
    │bert.encoder.layer.0.attention.self.query  384×384              ││3.3e-13 ▁▂▃▄▅▆▇█ 1.8e-9  × pruned  · zero           │
    │kept 5 of 6  nonzero 5  ██████████████████████████████▇█▇▇█▇▇▇▇▇││kept alike, %: sens 95 magn 97 rand 69 unif 90      │
    └────────────────────────────────────────────────────────────────┘└─────────────────────────────────────── 1-33 of 36 ─┘
    ╔═ 5 Triplet layer 0 query · 2/6 ═════════════════════ × pruned ═╗┌─ 4 Training ───────────────────────────────────────┐
    ║S = s(λ) + mean s(P) + mean s(Q)   s = Ī·Ū                      ║│task loss 0.268   ⠉⠋⠓⠲⠶⠦⠤⣤⣤⣀⣀⣀⡀                    ││
    ║5.62e-13 = 1.75e-13 + 1.53e-13 + 2.35e-13                       ║│                            ⠈⠈⠉⠉⠉⠙⠛⠛⠒⠒⠲⠲⠶⠶⠦⠤⠤⠤⠤⡤⣤⣤⣠⣤│
    ║λ 0   place 169 of 216, 146 stay   ×0.73 the threshold          ║│R         0.0245  ⠙⠲⢦⣤⣀⡀                           ││
    ║Pruned: at the last mask S 5.97e-13 did not exceed the threshold║│                      ⠉⠙⠛⠓⠲⠶⠤⠤⠤⠤⢤⣤⣄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀│
    ║7.72e-13, so λ ← 0. P and Q are kept, so it can come back; with ║│grad norm 0.742   ⠛⠛⠶⠳⡶⣶⣤⣤⣄⣀⣄⣀⣀⢀                   ││
    ║λ = 0 their sensitivity is the regulariser's alone.             ║│                          ⠉ ⠉⠂⠛⠛⠛⠙⠒⠟⠛⠳⠶⠞⠶⠾⢶⢦⠶⠦⢶⡶⣦⠶⣴⣤│
    ║now: smoothed × sensitivity ● magnitude × random × uniform ×    ║│accuracy  0.830                   ⣀⣀⣀⣀⡠⠤⠤⠤⠔⠒⠒⠒⠒⠒⠒⠒⠊││
    ║                                                                ║│                          ⣀⣀⠤⠤⠒⠒⠉⠉                 ││
    ╚════════════════════════════════════════════════════════════════╝└────────────────────────────────────── steps 0-412 ─┘
    ┌─ 6 Events ──────────────────────────────────────────────── 33 ─┐┌─ 3 Budget ───────────── b(408) 146 kept 146 → 144 ─┐
    │350 ▼ mask         6 pruned, 4 came back, 150 of 216 stay       ││216 ▇▇▇▇▇▇▇▇▆▅▂⡀            │       │               │
    │360 ▼ mask         6 pruned, 5 came back, 149 of 216 stay       ││    ████████████▇▅▄▃▂▁      │       │               │
    │370 ▼ mask         4 pruned, 3 came back, 148 of 216 stay       ││144 ███████████████████▇▇▆▆▅▅⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒│
    │380 ▼ mask         5 pruned, 5 came back, 148 of 216 stay       ││    █████████████████████████       │               │
    │390 ▼ mask         6 pruned, 5 came back, 147 of 216 stay       ││    █████████████████████████       │               │
    │399 ○ evaluation   accuracy 0.830, loss 0.265                   ││    █████████████████████████       │               │
    │400 ▼ mask         4 pruned, 3 came back, 146 of 216 stay       ││0   █████████████████████████       │               │
    │410 ▼ mask         4 pruned, 4 came back, 146 of 216 stay       ││    ──warm─│──────budgeting─▲───────│─────final─────│
    └────────────────────────────────────────────────────────────────┘└────────────────────────────────────────────────────┘
    [β₁ 0.85] β₂ 0.85  γ 0.1  η 1e-3  ΔT 10  target 4
     scale 5.333  threshold 7.72e-13  kept 146  budget 146 of 216  nonzero 160  │ SkylakeX ×2
     space resume  n step  ] pick  + β₁ up  - β₁ down  < history  > forth  g live  z zoom  / filter  ? help  q quit
    """#

  /// 200×60, the same run live.
  static let miniLM200 = #"""
     ranktop  sst2-adalora-3 │ all-MiniLM-L6-v2 │ ADALORA smoothed  ● training   step 413/800 budgeting ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━───────────────────────────── 52%  ETA 3m14s  12.3k tok/s
    ╔═ 1 Ranks ════════════════════════════ 146 of budget 146 / 216 ═╗┌─ 2 Importance ───────────────────────────────────── S smoothed ─┐┌─ 3 Budget ────────────────────────── b(412) 146 kept 146 → 144 ─┐
    ║L  query    key      value    att.outp intermed output       sum║│→0 query           ▆▆◄▁× ▇▇ ▇▇ ▇▇ ██  5  3.4%  ██████████        ││216 ▅▅▅▅▅▅▅▅▅▅▅                    │        │                    │
    ║ 0 5    ▇   4    ▅   5    ▇   5    ▇   4 (5)▅   5    ▇        28║│ 0 key             ██ ▇▇ ▇▇ ██ ▁× ▁×  4  4.7%  █████████████     ││    ███████████▅▁                  │        │                    │
    ║   ███████▇ ███▇▇▆▆▆ ███████▇ ███▇▇▇▇▇ ████▆▆▆▆ ████▇▇▇▇        ║│ 0 value           ▁▁ ▇▇ ██ ▆▆ ▇▇ ▁×  5  1.9%  █████             ││    █████████████▅⡀                │        │                    │
    ║                                                                ║│ 0 attenti.output  ██ ▁× ██ ▆▆ ▇▇ ██  5  6.0%  █████████████████ ││    ██████████████▇▄▁              │        │                    │
    ║ 1 3 (4)▄   5    ▇   5▼   ▇   5▲   ▇   3 (4)▄   4    ▅        25║│ 0 intermediate    ██ ▇▇ ▁× ▁× ▇▇ ██  4  3.6%  ██████████        ││    █████████████████▆▁            │        │                    │
    ║   ████▆▆▅▅ █████▇▇▇ ███████▇ ████▇▆▆▇ ███▇▆▆▅▅ ███▇▇▇▇▆        ║│ 0 output.dense    ▇▇ ▇▇ ▁× ▁▁ ▁▁ ▆▆  5  1.3%  ████              ││    ███████████████████▇▅▁         │        │                    │
    ║                                                                ║│ 1 query           ▇▇ ██ ▇▇ ▁× ▁× ▁×  3  2.7%  ████████          ││    ███████████████████████▆▃▂▁    │        │                    │
    ║ 2 3▼   ▄   4 (5)▅   4    ▅   5    ▇   4    ▅   5    ▇        25║│ 1 key             ▆▆ ▇▇ ▇▇ ▆▆ ██ ▁×  5  3.6%  ██████████        ││144 ███████████████████████████▇▆▆▅▅⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤│
    ║   █████▇▆▅ ███▇▇▆▆▆ ████▆▆▆▆ ███▇▇▇▇▇ ███▇▆▆▆▆ ████▇▇▇▇        ║│ 1 value           ██ ██ ▆▆ ▇▇ ▁▁ ▁×  5  3.5%  ██████████        ││    ████████████████████████████████        │                    │
    ║                                                                ║│ 1 attenti.output  ██ ▇▇ ▁▁ ▂▂ ▂▂ ▁×  5  1.6%  █████             ││    ████████████████████████████████        │                    │
    ║ 3 6    █   3▼   ▄   4    ▅   5    ▇   5    ▇   4    ▅        27║│ 1 intermediate    ██ ██ ▁× ▁× ▁× ▁▁  3  2.2%  ██████            ││    ████████████████████████████████        │                    │
    ║   ████████ ████▇▆▅▅ ███▇▇▆▆▆ ███▇▇▇▇▇ ██████▇▇ ████▇▇▆▆        ║│ 1 output.dense    ██ ▇▇ ██ ▇▇ ▁× ▁×  4  3.3%  █████████         ││    ████████████████████████████████        │                    │
    ║                                                                ║│ 2 query           ▇▇ ▁× ▁▁ ██ ▁× ▁×  3  1.5%  ████              ││    ████████████████████████████████        │                    │
    ║ 4 5    ▇   3    ▄   4 (5)▅   2    ▃   2 (4)▃   5▲(6)▇        21║│ 2 key             ▇▇ ██ ▇▇ ▁× ▁▁ ▁×  4  2.6%  ███████           ││    ████████████████████████████████        │                    │
    ║   █████▇▇▇ ███▇▆▆▅▅ ███▇▇▆▆▆ ███▆▅▃▃▃ ████▇▅▃▃ ████▇▇▇▇        ║│ 2 value           ▇▇ ▇▇ ██ ▇▇ ▁× ▁×  4  2.4%  ███████           ││    ████████████████████████████████        │                    │
    ║                                                                ║│ 2 attenti.output  ██ ▇▇ ▂▂ ▂▂ ▁× ▁▁  5  2.6%  ███████           ││    ████████████████████████████████        │                    │
    ║ 5 2 (3)▃   2 (3)▃   3▲(4)▄   4 (5)▅   3 (5)▄   6    █        20║│ 2 intermediate    ▇▇ ▇▇ ██ ██ ▁× ▁×  4  4.1%  ████████████      ││    ████████████████████████████████        │                    │
    ║   ███▇▃▃▃▃ ███▅▅▃▃▃ ████▆▅▃▅ ██████▇▆ ███▆▆▅▅▅ ████████        ║│ 2 output.dense    ▇▇ ▆▆ ▇▇ ▂▂ ▁× ██  5  2.2%  ██████            ││    ████████████████████████████████        │                    │
    ║                                                                ║│ 3 query           ▇▇ ██ ▆▆ ▆▆ ██ ▁▁  6  3.0%  ████████          ││    ████████████████████████████████        │                    │
    ║ Σ 24       21       25       26       21       29              ║│ 3 key             ██ ▁× ▇▇ ▁▁ ▁× ▁×  3  2.3%  ██████            ││    ████████████████████████████████        │                    │
    ║                                                                ║│ 3 value           ▇▇ ▇▇ ██ ▇▇ ▁× ▁×  4  2.9%  ████████          ││    ████████████████████████████████        │                    │
    ║bert.encoder.layer.0.attention.self.query  384×384              ║│ 3 attenti.output  ▆▆ ▇▇ ▆▆ ▇▇ ▂▂ ▁×  5  1.3%  ████              ││0   ████████████████████████████████        │                    │
    ║kept 5 of 6  nonzero 5  ██████████████████████████████▇█▇▇▇▇▇▇▇▇║│ 3 intermediate    ▆▆ ██ ▁▁ ▁▁ ▁× ▇▇  5  2.0%  ██████            ││    ──warm-up─│───budgeting, cubic─▲────────│──final, after 534──│
    ╚════════════════════════════════════════════════════════════════╝│ 3 output.dense    ▇▇ ▇▇ ▁× ▇▇ ██ ▁×  4  3.4%  ██████████        │└─────────────────────────────────────────────────────────────────┘
    ┌─ 6 Events ──────────────────────────────────────────────── 33 ─┐│ 4 query           ██ ██ ▂▂ ██ ▂▂ ▁×  5  3.4%  ██████████        │┌─ 4 Training ────────────────────────────────────────────────────┐
    │150 ▼ mask         5 pruned, 0 came back, 207 of 216 stay       ││ 4 key             ██ ██ ▁× ██ ▁× ▁×  3  5.0%  ██████████████    ││task loss 0.256  smoothed 0.267                                  │
    │160 ▼ mask         5 pruned, 0 came back, 202 of 216 stay       ││ 4 value           ██ ▂▂ ██ ▁× ▇▇ ▁×  4  3.7%  ██████████        ││  0.812 ⠚⠳⠗⢢⢤⣀⣀                                                  │
    │170 ▼ mask         5 pruned, 0 came back, 197 of 216 stay       ││ 4 attenti.output  ██ ▁× ▁× ██ ▁× ▁×  2  2.4%  ███████           ││           ⠈⠁⠊⠚⠹⣒⢶⣤⣄⣀⡀                                           │
    │180 ▼ mask         4 pruned, 0 came back, 193 of 216 stay       ││ 4 intermediate    ▁× ██ ▁× ▁× ▁× ▁▁  2  1.6%  █████             ││                   ⠁⠊⠪⠛⠓⡲⣢⣤⣄⣀                                    │
    │190 ▼ mask         6 pruned, 2 came back, 189 of 216 stay       ││ 4 output.dense    ██ ▇▇ ██ ▁× ▁▁ ▁▁  5  3.5%  ██████████        ││                         ⠈ ⠙⠑⠛⠉⠩⢗⠖⣦⣤⣄⣠⣀⣀                         │
    │199 ○ evaluation   accuracy 0.756, loss 0.435                   ││ 5 query           ▇▇ ▁× ▇▇ ▁× ▁× ▁×  2  0.9%  ███               ││                                  ⠈⠈⠈⠈⠘⠙⠻⠙⠵⠓⡲⢶⠴⡤⣤⣄⣀⣀⣀⡀ ⡀         │
    │200 ▼ mask         5 pruned, 1 came back, 185 of 216 stay       ││ 5 key             ▇▇ ▁× ▇▇ ▁× ▁× ▁×  2  1.0%  ███               ││  0.239                                        ⠈ ⠁⠁⠙⠙⠉⠙⠛⠋⠓⠿⠚⢖⡢⡴⢴⠦│
    │210 ▼ mask         5 pruned, 1 came back, 181 of 216 stay       ││ 5 value           ██ ▆▆ ▁▁ ▁× ▁× ▁×  3  1.3%  ████              ││R 0.0220  smoothed 0.0231                                        │
    │220 ▼ mask         4 pruned, 1 came back, 178 of 216 stay       ││ 5 attenti.output  ▁× ▂▂ ██ ▁▁ ▁× ▁▁  4  1.6%  █████             ││  0.323 ⠙⣦⣀                                                      │
    │230 ▼ mask         5 pruned, 2 came back, 175 of 216 stay       ││ 5 intermediate    ▁× ██ ▇▇ ▁× ▁▁ ▁×  3  1.8%  █████             ││         ⠈⠻⢕⢤⡀                                                   │
    │240 ▼ mask         4 pruned, 1 came back, 172 of 216 stay       ││ 5 output.dense    ██ ██ ▇▇ ▂▂ ▇▇ ██  6  5.8%  ████████████████  ││            ⠑⠬⣓⢤⡀                                                │
    │250 ▼ mask         5 pruned, 2 came back, 169 of 216 stay       ││3.3e-13 ▁▂▃▄▅▆▇█ 1.8e-9  × pruned  · zero  % of all S            ││              ⠈⠑⠮⣕⡢⣄⣀                                            │
    │260 ▼ mask         6 pruned, 3 came back, 166 of 216 stay       ││kept alike, %: sens 92 magn 97 rand 68 unif 90                   ││                  ⠈⠉⠚⠿⠶⣢⣤⣄⣀⣀                                     │
    │270 ▼ mask         4 pruned, 2 came back, 164 of 216 stay       │└─────────────────────────────────────────────────────────────────┘│ 0.0210                  ⠈⠉⠉⠉⠛⠛⠓⠲⠶⠶⠶⠤⠤⠤⠤⠤⠤⠤⣤⣤⣤⣄⣄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀│
    │280 ▼ mask         5 pruned, 3 came back, 162 of 216 stay       │┌─ 5 Triplet layer 0 query · 1/6 ──────────────────────── ● kept ─┐│grad norm 0.562  smoothed 0.664                                  │
    │290 ▼ mask         5 pruned, 3 came back, 160 of 216 stay       ││S = s(λ) + mean s(P) + mean s(Q)   s = Ī·Ū                       ││  1.576 ⠴⢦⢵⢄⡄⡂                                                   │
    │299 ○ evaluation   accuracy 0.804, loss 0.337                   ││1.17e-10 = 7.78e-11 + 2.35e-11 + 1.58e-11                        ││         ⠁ ⠒⡨⠫⡟⠶⠧⠶⣠⡀ ⠄                                           │
    │300 ▼ mask         4 pruned, 2 came back, 158 of 216 stay       ││█████████████████████▅▅▅▅▅▅▂▂▂▂  λ 66% P 20% Q 13%               ││               ⠊⠂⠐⠦⠛⠛⢛⠒⣢⠞⢤⣦⡶⣀⠄⢀                                  │
    │310 ▼ mask         4 pruned, 2 came back, 156 of 216 stay       ││λ 0.0933   place 114 of 216, 146 stay   ×147 the threshold       ││                     ⠈⠂  ⠪⢀ ⢔⣙⠖⡓⢢⠕⢤⡀⢰⣢⣤⣂⣄ ⢀ ⡀  ⠄⢀                │
    │320 ▼ mask         5 pruned, 3 came back, 154 of 216 stay       ││Kept: at the last mask S 1.13e-10 stood above the threshold      ││                             ⠈⠁ ⠉ ⠱⠻⠉⡉⠉⠘⠪⡱⠖⣶⠒⡞⡛⠖⢖⡭⠭⣤⢦⠥⣠⣡⢅⣊⣕⣄⣢⣒⣰⢀⡀│
    │330 ▼ mask         3 pruned, 2 came back, 153 of 216 stay       ││7.95e-13.                                                        ││  0.560                                  ⠁   ⠂ ⠈ ⠒⠁⠌⠈⠈⠉⠂⠠⠂⠤⢈⠑ ⡬⡭⣑│
    │340 ▼ mask         4 pruned, 3 came back, 152 of 216 stay       ││now: smoothed ● sensitivity ● magnitude ● random × uniform ●     ││accuracy 0.830  best 0.830                                       │
    │350 ▼ mask         6 pruned, 4 came back, 150 of 216 stay       ││                                                                 ││  0.830                                               ⢀⣀⣀⡠⠤⠤⠒⠒⠊  │
    │360 ▼ mask         6 pruned, 5 came back, 149 of 216 stay       ││S    ▁▁▁▃▂▅▂▂▄▃▄▆▆▄▆▄▅▅█▆▄▇▇▇█▄▄▄▅▆▇▄▅▇▄█▅██▆▅▆█▇▅▇▆█▄ 1.17e-10  ││                                              ⣀⡠⠤⠒⠒⠒⠉⠉⠁          │
    │370 ▼ mask         4 pruned, 3 came back, 148 of 216 stay       ││|λ|  ▁▁▂▃▄▄▅▅▆▆▆▇▇▇▇▇█████████████████████████████████ 0.0933    ││                                        ⣀⡠⠤⠒⠊⠉                   │
    │380 ▼ mask         5 pruned, 5 came back, 148 of 216 stay       ││kept █████████████████████████████████████████████████           ││                                   ⡠⠤⠒⠊⠉                         │
    │390 ▼ mask         6 pruned, 5 came back, 147 of 216 stay       ││                                                                 ││                               ⢀⡠⠔⠉                              │
    │399 ○ evaluation   accuracy 0.830, loss 0.265                   ││                                                                 ││                            ⢀⠤⠒⠁                                 │
    │400 ▼ mask         4 pruned, 3 came back, 146 of 216 stay       ││                                                                 ││                         ⣀⠔⠊⠁                                    │
    │410 ▼ mask         4 pruned, 4 came back, 146 of 216 stay       ││                                                                 ││  0.666              ⢀⡠⠔⠉                                        │
    └────────────────────────────────────────────────────────────────┘└─────────────────────────────────────────────────────────────────┘└─────────────────────────────────────────────────── steps 0-412 ─┘
    [β₁ 0.85] β₂ 0.85  γ 0.1  η 1e-3  ΔT 10  target 4                                                               scale 5.333  threshold 7.95e-13  kept 146  budget 146 of 216  nonzero 160  │ SkylakeX ×2
     space pause  ] pick  + β₁ up  - β₁ down  < history  z zoom  / filter  tab panel  : command  e export  ? help  q quit
    """#

  /// 80×24, a LoRA run and the question before the end.
  static let lora80 = #"""
     ranktop  sst2-lora-1 │ all-MiniLM-L6-v2 │ LORA                       ● training
     step 213/400 ━━━━━━━━━━━━━━━━━━━━───────────────── 53%  ETA 1m34s  12.3k tok/s
    ╔═ 1 Ranks ════════════════════ 144 / 144 ═╗┌─ 2 Importance ───────────────────┐
    ║L  query key   value at.ou inter outpu    ║│LORA scores nothing: every module │
    ║ 0 8 █   8 █   8 █   8 █   8 █   8 █      ║│keeps its rank. A run with        │
    ║ 1 8 █   8 █   8 █   8 █   8 █   8 █      ║│adapter.method "adalora" fills    │
    ║ 2 8 █   8 █   8 █   8 █   8 █   8 █      ║│this panel.                       │
    ║   ╔═ q still training: step 213 of 400 ══════════════════════════════════╗   │
    ║0 q║                                                                      ║   │
    ╚═══║   b    finish in the background (this run keeps no checkpoints)      ║───┘
    ┌─ 5║ → s    stop and keep the adapter as it is now                        ║───┐
    │LOR║   d    stop and discard it                                           ║   │
    │mod║   esc  go on training                                                ║⢤⣤⣄│
    │   ║                                                                      ║⣤⣤⣤│
    │   ╚══════════════════════════════════════════════════════════════════════╝⠒⠊ │
    └──────────────────────────────────────────┘└──────────────────── steps 0-212 ─┘
    ┌─ 6 Events ─────────────────────────── 3 ─┐┌─ 3 Budget ───────────────────────┐
    │  0 ● started 18 modules, 144 triplets    ││LORA has no budget: every module  │
    │ 99 ○ evaluation accuracy 0.755, loss 0.4…││keeps rank 8, 144 in all, to the  │
    │199 ○ evaluation accuracy 0.830, loss 0.2…││end.                              │
    └──────────────────────────────────────────┘└──────────────────────────────────┘
    [η 1e-3]
     scale 4  │ SkylakeX ×2
     s stop, keep  d discard  esc cancel  enter choose  ctrl-c end now
    """#

  /// 80×24, a number that is not finite has halted the run.
  static let halted80 = #"""
     ranktop  demo-1 │ planted-ber… × halted: step 213: the gradient of bert.encode…
     step 213/400 budgeting ━━━━━━━━━━━━━━───────────── 53%  ETA 1m34s  12.3k tok/s
    ╔═ 1 Ranks ════════ 40 of budget 39 / 108 ═╗┌─ 2 Importance ────── S smoothed ─┐
    ║L  query key   value at.ou inter outpu    ║│→0 quer ×××××× 0   0 inte ×××××× 0│
    ║ 0 0/0   6/6 █ 1/0 ▁ 4/4 ▅ 0/0   1/0 ▁    ║│ 0 key  ▇▇▇▇▆█ 6   0 outp ▂××××× 1│
    ║ 1 6/6 █ 0/0   4/4 ▅ 0/0   2/2 ▃ 1/0 ▁    ║│ 0 valu ▂××××× 1   1 quer ▆█▇▇██ 6│
    ║ 2 ╔═ × halted: step 213 of 400 ══════════════════════════════════════════╗× 0│
    ║   ║                                                                      ║ed │
    ║0 q║ step 213: the gradient of bert.encoder.layer.1.attention.self.query  ║51 │
    ╚═══║ is nan                                                               ║8 ─┘
    ┌─ 5║                                                                      ║───┐
    │4.8║ → y    go on from the last checkpoint with half its rate             ║   │
    │λ 1║   r    go on from it with another rate (:recover 1e-4)               ║⡤⣄⣀│
    │Pru║   q    quit; the run stays as it is saved                            ║⣀⣀⣀│
    │has║   esc  look around; space asks again                                 ║⣤⣠⣤│
    └───║                                                                      ║2 ─┘
    ┌─ 6╚══════════════════════════════════════════════════════════════════════╝───┐
    │200 ▼ mask 3 pruned, 2 came back, 41 of 1…││108 █████▇▅▄▃▂▁⡀   │      │       │
    │205 ▼ mask 3 pruned, 2 came back, 40 of 1…││36  ████████████▇▇▆▆⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒│
    │210 ▼ mask 1 pruned, 1 came back, 40 of 1…││    ────│budgeting─▲──────│─final─│
    └──────────────────────────────────────────┘└──────────────────────────────────┘
    [β₁ 0.85] β₂ 0.85  γ 0.1  η 1e-3  ΔT 5  target 2
     scale 5.333  thr 1.18e-12  kept 40  budget 39 of 108  nonzero 59  │ SkylakeX ×2
     y recover  r other rate  q quit, keep  esc look  enter choose  ctrl-c end now
    """#

  /// 80×24, two runs side by side.
  static let beside80 = #"""
     ranktop  demo-1 │ planted-bert 3×64 │ ADALORA smoothed │ beside dem… ● training
     step 213/400 budgeting ━━━━━━━━━━━━━━───────────── 53%  ETA 1m34s  12.3k tok/s
    ╔═ 1 Ranks − demo-2 ═══════════════════════╗┌─ 2 Importance ────── S smoothed ─┐
    ║L  query key   value at.ou inter outpu    ║│→0 quer ×××××× 0   0 inte ×××××× 0│
    ║ 0 0 −4  6 +3  1 −2  4 −1  0 −2  1 −1     ║│ 0 key  ▇▇▇▇▆█ 6   0 outp ▂××××× 1│
    ║ 1 6 +2  0 −4  4 +3  0 −2  2 +1  1 ·      ║│ 0 valu ▂××××× 1   1 quer ▆█▇▇██ 6│
    ║ 2 0 −4  4 ·   0 −3  6 +5  1 −1  4 +1     ║│ 0 a.ou ███▇×× 4   1 key  ×××××× 0│
    ║                                          ║│3.3e-13 ▁▂▃▄▅▆▇█ 1.6e-9  × pruned │
    ║0 query  kept 0 of 6  demo-2 4  planted 0 ║│╌ demo-2 ● kept S 7.47e-1         │
    ╚═══════════════════════════ its step 212 ═╝└────────────────────── 1-8 of 18 ─┘
    ┌─ 5 Triplet 0 query · 1/6 ──── ○ regrown ─┐┌─ 4 Training ─── ─ this ╌ demo-2 ─┐
    │4.88e-13 = 1.25e-13 + 1.38e-13 + 2.25e-13 ││task loss 0.273   ⠙⠓⠦⣦⣄⣀⣀⡀        │
    │λ 1.77e-4  83/108, 39 stay  ×0.41 thr     ││                      ⠈⠉⠙⠛⠒⠿⠷⠤⢶⡦⣄⣤│
    │╌ demo-2 ● kept S 7.47e-1                 ││R         0.0220  ⠙⠓⠦⠦⢤⣄⣤⣄⣀⣀⣀⣀⣀⣀⣀⣀│
    │Pruned: S 4.79e-13 ≤ threshold 1.18e-12; …││grad norm 0.748   ⠛⠛⠒⠶⠶⠦⠶⠤⢤⠤⡤⣤⣤⣤⣠⣤│
    └──────────────────────────────────────────┘└──────────────────── steps 0-212 ─┘
    ┌─ 6 Events ────────────────────────── 30 ─┐┌─ 3 Budget ───────────────────────┐
    │200 ▼ mask 3 pruned, 2 came back, 41 of 1…││108 █████▇▅▄▃▂▁⡀⣀⡀ │      │       │
    │205 ▼ mask 3 pruned, 2 came back, 40 of 1…││36  ████████████▇▇▆▆⠓⠒⠛⠓⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒│
    │210 ▼ mask 1 pruned, 1 came back, 40 of 1…││    ────│budgeting─▲──────│─final─│
    └──────────────────────────────────────────┘└──────────────── ─ this ╌ demo-2 ─┘
    [β₁ 0.85] β₂ 0.85  γ 0.1  η 1e-3  ΔT 5  target 2
     scale 5.333  thr 1.18e-12  kept 40  budget 39 of 108  nonzero 59  │ SkylakeX ×2
     space pause  ] pick  + β₁ up  - β₁ down  < history  z zoom  ? help  q quit
    """#

  /// 120×40, beside a run of other modules.
  static let beside120 = #"""
     ranktop  demo-1 │ planted-bert 3×64 │ ADALORA smoothed │ beside demo-2                                       ● training
     step 213/400 budgeting ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━──────────────────────────── 53%  ETA 1m34s  12.3k tok/s
    ╔═ 1 Ranks − demo-2 ═════════════════════ 40 of budget 39 / 108 ═╗┌─ 2 Importance ──────────────────────── S smoothed ─┐
    ║L  query    key      value    att.outp intermed output       sum║│→0 query   ▁◄▁×▁×▁×▁×▁× 0   1 output  ▁×▂×▂▂▁×▁×▁× 1│
    ║ 0 0 −2 ··· 6 +4 ███ 1 –  █·· 4 –  ██· 0 –  ··· 1 −1 █··      +1║│ 0 key     ▇▇▇▇▇▇▇▇▆▆██ 6   2 query   ▁×▁×▁×▂×▁×▁× 0│
    ║   ███▆▃▂▁▁ ████████ ████▇▃▃▂ ███▇▆▆▆▆ ███▇▅▅▂▁ ███▇▃▂▂▂        ║│ 0 value   ▂▂▁×▂×▁×▁×▁× 1   2 key     ▇▇████▇▇▁×▁× 4│
    ║                                                                ║│ 0 att.out ██████▇▇▁×▁× 4   2 value   ▁×▁×▁×▁×▁×▁× 0│
    ║ 1 6 +2 ███ 0 −4 ··· 4 –  ██· 0 –  ··· 2 –  █·· 1 −3 █··      −5║│ 0 interme ▂×▂×▁×▁×▂×▁× 0   2 att.out ██▆▆████████ 6│
    ║   ████████ ███▆▂▂▁▁ ███▆▆▆▆▆ ███▆▅▁▁▁ ████▅▃▅▃ ███▇▆▅▃▂        ║│ 0 output  ▂▂▁×▁×▁×▁×▁× 1   2 interme ▁×▁▁▂×▂×▁×▁× 1│
    ║                                                                ║│ 1 query   ▆▆██▇▇▇▇████ 6   2 output  ▇▇▇▇████▁×▁× 4│
    ║ 2 0 −4 ··· 4 +3 ██· 0 –  ··· 6 –  ███ 1 –  █·· 4 +2 ██·      +1║│ 1 key     ▁×▁×▁×▁×▁×▁× 0                           │
    ║   ███▇▃▁▂▁ ███▇▇▇▆▆ ███▃▃▂▁▁ ████████ ███▆▆▆▂▂ █████▇▆▆        ║│ 1 value   ██████▇▇▁×▁× 4                           │
    ║                                                                ║│ 1 att.out ▁×▁×▁×▁×▁×▁× 0                           │
    ║ Σ −4       +3       –        –        –        −2              ║│ 1 interme ▇▇▇▇▁×▁×▁×▁× 2                           │
    ║bert.encoder.layer.0.attention.self.query  384×384              ║│3.3e-13 ▁▂▃▄▅▆▇█ 1.6e-9  × pruned  · zero           │
    ║kept 0 of 6  demo-2 2  planted 0  ██████████▇▇▇▆▅▅▅▃▂▂▂▂▂▂▁▁▂▂▁▁║│╌ demo-2 × pruned S 5.28e-1  alike 45%              │
    ╚════════════════════ – 9 only here, 3 only there, its step 212 ═╝└────────────────────────────────────────────────────┘
    ┌─ 5 Triplet layer 0 query · 1/6 ──────────── ○ pruned, regrown ─┐┌─ 4 Training ───────────────────── ─ this ╌ demo-2 ─┐
    │S = s(λ) + mean s(P) + mean s(Q)   s = Ī·Ū                      ││task loss 0.273   ⠛⠶⣦⣤⣄⡀⣀⡀                          │
    │4.88e-13 = 1.25e-13 + 1.38e-13 + 2.25e-13                       ││                      ⠉⠛⠻⢶⢦⣷⣆⣀⠤⠄ ⣀⡀                 │
    │λ 1.77e-4   place 83 of 108, 39 stay   ×0.41 the threshold      ││                           ⠈⠉⠉⠉⠻⠷⠲⣦⣤⣽⣂⣀⣒⠄ ⢤⡀ ⣀⡀     │
    │╌ demo-2 × pruned S 5.28e-1                                     ││                                    ⠈⠁⠉⠉⠋⠙⠛⠛⠖⠶⠷⠶⣽⣥⣤⣷│
    │Pruned: at the last mask S 4.79e-13 did not exceed the threshold││R         0.0220  ⠙⠲⢦⣤⣄ ⣀⡀                          │
    │1.18e-12, so λ ← 0. λ has regrown since: Adam's moments are not ││                     ⠈⠉⠙⠛⠒⠶⠿⠦⠤⠶⠦⣤⣤⣄⣀⣤⣄⣀⣤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀│
    │reset, and only the next mask zeroes it again.                  ││grad norm 0.748   ⠛⠳⠷⡲⣦⡤⣤⣤⣄⣤⣀⡀⣀⡀ ⣀                  │
    │now: smoothed × sensitivity × magnitude × random ● uniform ×    ││                         ⠉⠉⠉⠈⠙⠙⠛⠛⠛⠕⠓⠻⠿⠷⠷⠖⠶⠶⠶⢦⣶⣶⣦⣶⣶⡶⣤│
    └────────────────────────────────────────────────────────────────┘└────────────────────────────────────── steps 0-212 ─┘
    ┌─ 6 Events ──────────────────────────────────────────────── 30 ─┐┌─ 3 Budget ─────── b(212) 39 kept 40 → 36 there 32 ─┐
    │175 ▼ mask         5 pruned, 3 came back, 46 of 108 stay        ││108 ▇▇▇▇▇▇▇▇▅▃               │          │           │
    │180 ▼ mask         6 pruned, 5 came back, 45 of 108 stay        ││    ██████████▆▃▁            │          │           │
    │185 ▼ mask         4 pruned, 3 came back, 44 of 108 stay        ││    ⠒⠂█⠒⠂█⠒⠂█⢄⡀██▆▃▂         │          │           │
    │190 ▼ mask         5 pruned, 4 came back, 43 of 108 stay        ││    ████████████⠒⠂█⣀▇▄▃▂⣀    │          │           │
    │195 ▼ mask         4 pruned, 3 came back, 42 of 108 stay        ││36  ██████████████████⠉⠂█▇▆▅▅▄⠢⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤│
    │200 ▼ mask         3 pruned, 2 came back, 41 of 108 stay        ││    ██████████████████████████ ⠉⠁ ⠉⠁ ⠒⠂ ⠒⠂ ⠒⠂ ⠒⠂ ⠒⠂ │
    │205 ▼ mask         3 pruned, 2 came back, 40 of 108 stay        ││0   ██████████████████████████          │           │
    │210 ▼ mask         1 pruned, 1 came back, 40 of 108 stay        ││    ──warm─│budgeting, cubic─▲──────────│───final───│
    └────────────────────────────────────────────────────────────────┘└────────────────────────────────── ─ this ╌ demo-2 ─┘
    [β₁ 0.85] β₂ 0.85  γ 0.1  η 1e-3  ΔT 5  target 2
     scale 5.333  threshold 1.18e-12  kept 40  budget 39 of 108  nonzero 59  │ SkylakeX ×2
     space pause  ] pick  + β₁ up  - β₁ down  < history  z zoom  / filter  tab panel  : command  e export  ? help  q quit
    """#
}
