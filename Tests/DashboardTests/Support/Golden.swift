enum Golden { static let demo80 = "", miniLM120 = "", miniLM200 = "", lora80 = "" }
